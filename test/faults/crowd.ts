import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../../local/secrets-endpoint/faults.ts";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { isErrorName } from "../../shared/errors.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "../end-to-end/rekey.ts";

/** What befalls a renewal's call to the secrets store, by the words of the table. */
export const misfortunes = {
  "500, three times": { kind: "error", count: 3 },
  "500 after it was done, three times": { kind: "error-after", count: 3 },
  "cut after it was done": { kind: "cut-after" },
  silence: { kind: "hang" },
  "silence after it was done": { kind: "hang-after" },
  "throttled from there on": { kind: "throttle", count: 0 },
  "1.5 s a call from there on": { kind: "latency", milliseconds: 1_500, count: 0 },
  "killed before": { kind: "hang" },
  "killed after": { kind: "hang-after" },
} as const satisfies Record<string, Fault>;

/** One of {@link misfortunes}. */
export type Misfortune = keyof typeof misfortunes;

/** A renewal of which one call goes wrong, while four other sandboxes want the same token. */
export interface CrowdCase {
  /** What the renewal finds: a token that a stranger's login has killed, or a secret without a value. */
  readonly session: "killed" | "empty";
  /** Which call to the session secret, from 1. */
  readonly step: number;
  readonly misfortune: Misfortune;
}

/** What became of the five requests and of their repeats. */
export interface CrowdTrial extends CrowdCase {
  /** The operation that was hit. */
  readonly operation: string;
  /** How the five ended, counted by name. */
  readonly answers: Readonly<Record<string, number>>;
  readonly longestMs: number;
  readonly logins: number;
  /** What is not as it must be; empty when all is well. */
  readonly wrong: readonly string[];
}

/** How many calls to the session secret a renewal consists of. */
export const stepsOf = { killed: 6, empty: 16 } as const satisfies Record<CrowdCase["session"], number>;

// One for the renewal, one more when the token that a dead or silent holder got was never published.
const mostLogins = 2;
const invocationMs = 20_000;
const numbers = [1, 2, 3, 4, 5];
const requestOf = (number: number) => ({
  deviceId: `device-${number}`,
  nodeId: `urn:imei:new-${number}`,
  idempotencyKey: `crowd ${number}`,
});

/** Tries one case on a system of its own; every request is served by a sandbox, and so a process, of its own. */
export async function tryCrowd(one: CrowdCase, mood: Mood = "documented"): Promise<CrowdTrial> {
  const rekey = await startRekey({}, { codeKey: Buffer.alloc(32, 5).toString("base64") }, {}, mood);
  try {
    return await tryOn(rekey, one);
  } finally {
    await rekey.close();
  }
}

async function tryOn(rekey: Rekey, one: CrowdCase): Promise<CrowdTrial> {
  const { simulator, secrets, secretIds } = rekey;
  const kills = one.misfortune.startsWith("killed");
  if (one.session === "killed") {
    resultOf(await rekey.lambda.invoke("authenticate", {}));
    simulator.killToken();
  }
  const loginsBefore = simulator.counters.requests.login;
  const loggedBefore = secrets.counters.log.length;
  const fault: Fault = { ...misfortunes[one.misfortune], secretId: secretIds.sessionSecret, nth: one.step };
  secrets.faults.add(fault);
  const [first = 1, ...others] = numbers;
  const holder = ask(rekey, first);
  await struck(rekey, one.step);
  if (kills) rekey.lambda.sandboxes("refreshDeviceKey")[0]?.kill();
  const asked = [await holder, ...(await Promise.all(others.map((number) => ask(rekey, number))))];
  secrets.faults.clear();

  const wrong: string[] = [];
  for (const [index, { answer, ms }] of asked.entries()) {
    const died = kills && index === 0 && answer === "Runtime.ExitError";
    if (answer !== "ok" && !isErrorName(answer) && !died) wrong.push(`answer ${answer}`);
    if (ms > invocationMs) wrong.push(`answer after ${ms} ms`);
  }
  for (const number of numbers) wrong.push(...(await faultsAfterRepeat(rekey, number, asked[number - 1]?.code)));
  const logins = simulator.counters.requests.login - loginsBefore;
  if (logins > mostLogins) wrong.push(`${logins} logins`);
  const calls = secrets.counters.log.slice(loggedBefore).filter(({ secret }) => secret === secretIds.sessionSecret);
  return {
    ...one,
    operation: calls[one.step - 1]?.operation ?? "none",
    answers: countsOf(asked.map(({ answer }) => answer)),
    longestMs: Math.max(...asked.map(({ ms }) => ms)),
    logins,
    wrong,
  };
}

async function ask(rekey: Rekey, number: number) {
  const startedAt = performance.now();
  const outcome = await rekey.refresh(requestOf(number));
  const ms = Math.round(performance.now() - startedAt);
  return { answer: errorOf(outcome), ms, code: outcome.ok ? codeOf(outcome) : undefined };
}

function codeOf(outcome: Awaited<ReturnType<Rekey["refresh"]>>): string {
  return resultOf<{ verifyCode: string }>(outcome).verifyCode;
}

/** Waits until the fault has seen its call; a step that this renewal does not have is a fault of the table. */
async function struck(rekey: Rekey, step: number): Promise<void> {
  for (let left = 500; left > 0; left -= 1) {
    if (rekey.secrets.faults.list().some(({ seen }) => seen >= step)) return;
    await delay(10);
  }
  throw new Error(`The renewal made fewer than ${step} calls to the session secret`);
}

/** What is wrong with a device once its request has been repeated with nothing in its way. */
async function faultsAfterRepeat(rekey: Rekey, number: number, answered: string | undefined): Promise<string[]> {
  const { deviceId, nodeId } = requestOf(number);
  const repeat = await rekey.refresh(requestOf(number));
  if (!repeat.ok) return [`repeat ${errorOf(repeat)}`];
  const states = rekey.simulator.devices.get(deviceId)?.history ?? [];
  const code = codeOf(repeat);
  const asWanted = states.length > 0 && states.every((one) => one.nodeId === nodeId && one.verifyCode === code);
  return [
    ...(asWanted ? [] : ["a state that nobody asked for"]),
    ...(answered === undefined || answered === code ? [] : ["another code than was answered"]),
  ];
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Every case, each step of both renewals with each misfortune that can befall it. */
export function crowdCases(session: CrowdCase["session"], chosen: readonly Misfortune[]): CrowdCase[] {
  return Array.from({ length: stepsOf[session] }, (_, index) =>
    chosen.map((misfortune) => ({ session, step: index + 1, misfortune })),
  ).flat();
}
