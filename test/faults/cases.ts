import { setTimeout as delay } from "node:timers/promises";
import type { Fault as PlatformFault } from "../../local/platform-simulator/faults.ts";
import type { Fault as StoreFault } from "../../local/secrets-endpoint/faults.ts";
import type { Rekey } from "../end-to-end/rekey.ts";

/** One thing that goes wrong. */
export interface Case {
  /** What is hit: a row's group. */
  readonly part: string;
  readonly what: string;
  /** Whether a token is there before; without one the request begins with a renewal. */
  readonly session: "empty" | "live";
  /** Makes it go wrong, while or before the request runs. @param setClock sets the sandboxes' wall clock so far off */
  strike(rekey: Rekey, deviceId: string, setClock: (milliseconds: number) => Promise<void>): Promise<void> | void;
  /** Whether the sandboxes have a clock that can be set. */
  readonly stepsClock?: boolean;
  /** Whether `npm test` tries it too; all others are tried by `npm run faults`. */
  readonly always?: boolean;
  /** Logins that the request and its repeat may lead to. */
  readonly logins: number;
}

const hourMs = 3_600_000;
const renewalCalls = ["GetSecretValue", "UpdateSecretVersionStage", "PutSecretValue", "DescribeSecret"] as const;

const store = (what: string, fault: StoreFault, changes: Partial<Case> = {}): Case => ({
  part: "secrets store",
  what,
  session: "empty",
  logins: 2,
  strike: ({ secrets }) => secrets.faults.add(fault),
  ...changes,
});

const platform = (what: string, fault: PlatformFault, changes: Partial<Case> = {}): Case => ({
  part: "platform",
  what,
  session: "live",
  logins: 1,
  strike: ({ simulator }, deviceId) =>
    simulator.faults.add(fault.operation === "login" ? fault : { ...fault, operation: "refreshDeviceKey", deviceId }),
  ...changes,
});

/** Waits until a call hangs where it shall, then kills the sandbox that made it. */
async function killWhen(rekey: Rekey, hangs: () => boolean): Promise<void> {
  for (let left = 400; left > 0 && !hangs(); left -= 1) await delay(10);
  for (const sandbox of rekey.lambda.sandboxes("refreshDeviceKey")) sandbox.kill();
}

/** The first moment at which a fault has seen its call. */
const storeHit = ({ secrets }: Rekey) => secrets.faults.list().some(({ seen, nth = 1 }) => seen >= nth);

const kill = (what: string, session: Case["session"], strike: Case["strike"], always = false): Case => ({
  ...{ part: "sandbox killed", what, session, strike, always, logins: 3 },
});

/** Everything that is tried, in the order of the table. */
export const cases: readonly Case[] = [
  ...renewalCalls.flatMap((operation): Case[] => [
    store(`500 at ${operation}`, { kind: "error", operation }, { always: operation === "PutSecretValue" }),
    store(`500 at every ${operation}`, { kind: "error", operation, count: 0 }),
    store(`500 at ${operation}, after it was done`, { kind: "error-after", operation }, { always: true }),
    store(`throttling at ${operation}`, { kind: "throttle", operation, count: 4 }),
    store(`connection cut at ${operation}`, { kind: "cut", operation }),
    store(`silence at ${operation}`, { kind: "hang", operation }),
  ]),
  store("slow: a second a call", { kind: "latency", milliseconds: 1_000, count: 0 }, { always: true }),
  store("down", { kind: "cut" }, { strike: ({ secrets }) => secrets.down(), always: true }),
  store(
    "down, while a token is in the sandbox",
    { kind: "cut" },
    { strike: ({ secrets }) => secrets.down(), session: "live", logins: 0 },
  ),
  platform("slow: three seconds an answer", { kind: "latency", milliseconds: 3_000 }),
  platform("silence", { kind: "hang" }),
  platform("silence after it was done", { kind: "hang", applied: true }, { always: true }),
  platform("throttling", { kind: "code", code: "1010009" }),
  platform(
    "throttling at the login",
    { kind: "code", code: "1010009", operation: "login" },
    { session: "empty", logins: 2 },
  ),
  platform("silence at the login", { kind: "hang", operation: "login" }, { session: "empty", logins: 2 }),
  platform("502 of a proxy", { kind: "html" }),
  platform("502 of a proxy, after it was done", { kind: "html", applied: true }, { always: true }),
  platform("502 of a proxy at the login", { kind: "html", operation: "login" }, { session: "empty", logins: 2 }),
  platform("every answer lost", { kind: "cut", applied: true, count: 0 }, { always: true }),
  platform("the device connects before anybody asks again", { kind: "cut", applied: true, thenOnline: true }),
  platform("down", { kind: "cut" }, { strike: ({ simulator }) => simulator.down(), always: true }),
  platform(
    "token killed by a stranger",
    { kind: "cut" },
    { strike: ({ simulator }) => simulator.killToken(), logins: 1 },
  ),
  platform(
    "connections dropped while idle",
    { kind: "cut" },
    { strike: ({ simulator }) => simulator.dropConnections(), logins: 0 },
  ),
  ...[1, 2, 3].flatMap((nth) => [
    kill(`at read ${nth} of the session`, "empty", async (rekey) => {
      rekey.secrets.faults.add({ kind: "hang", operation: "GetSecretValue", nth });
      void killWhen(rekey, () => storeHit(rekey));
    }),
  ]),
  ...(["UpdateSecretVersionStage", "PutSecretValue", "DescribeSecret"] as const).flatMap((operation) =>
    (["hang", "hang-after"] as const).map((fault) =>
      kill(
        `at ${operation}${fault === "hang" ? "" : ", after it was done"}`,
        "empty",
        async (rekey) => {
          rekey.secrets.faults.add({ kind: fault, operation });
          void killWhen(rekey, () => storeHit(rekey));
        },
        operation === "PutSecretValue" && fault === "hang",
      ),
    ),
  ),
  ...[false, true].flatMap((applied) => [
    kill(`at the login${applied ? ", after it was done" : ""}`, "empty", async (rekey) => {
      const before = rekey.simulator.counters.requests.login;
      rekey.simulator.faults.add({ kind: "hang", operation: "login", applied });
      void killWhen(rekey, () => rekey.simulator.counters.requests.login > before);
    }),
    kill(
      `at the change${applied ? ", after it was done" : ""}`,
      "live",
      async (rekey, deviceId) => {
        const before = rekey.simulator.counters.requests.refreshDeviceKey;
        rekey.simulator.faults.add({ kind: "hang", operation: "refreshDeviceKey", deviceId, applied });
        void killWhen(rekey, () => rekey.simulator.counters.requests.refreshDeviceKey > before);
      },
      applied,
    ),
  ]),
  {
    ...{
      part: "sandbox frozen",
      what: "for an hour: token over, connections gone",
      session: "live" as const,
      logins: 1,
    },
    ...{ always: true, stepsClock: true },
    strike: async (rekey, _, setClock) => {
      const [sandbox] = rekey.lambda.sandboxes("refreshDeviceKey");
      sandbox?.freeze();
      await setClock(hourMs);
      rekey.simulator.application.advance(hourMs);
      rekey.simulator.dropConnections();
      await delay(200);
      sandbox?.thaw();
    },
  },
  ...[hourMs, -hourMs].flatMap((step): Case[] => {
    const way = step > 0 ? "ahead" : "back";
    return [
      {
        ...{ part: "clock", what: `set an hour ${way} between two requests`, session: "live", logins: 1 },
        ...{ stepsClock: true, strike: (_rekey, _deviceId, setClock) => setClock(step) },
      },
      {
        ...{ part: "clock", what: `set an hour ${way} during the login`, session: "empty", logins: 2 },
        ...{ stepsClock: true, always: true },
        strike: ({ simulator }, _, setClock) => {
          simulator.faults.add({ kind: "latency", operation: "login", milliseconds: 600 });
          void delay(400).then(() => setClock(step));
        },
      },
      {
        ...{ part: "clock", what: `set an hour ${way} during the change`, session: "live", logins: 1 },
        stepsClock: true,
        strike: ({ simulator }, deviceId, setClock) => {
          simulator.faults.add({ kind: "latency", operation: "refreshDeviceKey", deviceId, milliseconds: 600 });
          void delay(300).then(() => setClock(step));
        },
      },
    ];
  }),
];
