import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { secretOf } from "../../local/ticket-desk/sender.ts";
import { deliver, senderAt } from "../../local/ticket-desk/senders.ts";

// The bundle that is deployed, at the sender that waits least: PagerDuty gives up after 5 s. That an evaluation ends with
// the delivery's time is a matter of test/functions/in-time.test.ts; what it may compute in it is one of this file.
const mostComputedSeconds = 2;

const numbers = Array.from({ length: 140_000 }, (_, at) => (at * 7_919) % 100_003);
const words = "a".repeat(1_000_000);
const pages = { text: words, numbers: [] };
const lists = { text: "a", numbers };
const bombs: Readonly<Record<string, readonly [expression: string, payload: object]>> = {
  replace: ["$replace(text, /a/, 'bb')", pages],
  "replace-by-all": ["$replace(text, /a/, text)", pages],
  split: ["$split(text, '')", pages],
  sort: ["$sort(numbers)", lists],
  distinct: ["$distinct(numbers)", lists],
  recursion: ["($f := function($x) { $f($x) + 1 }; $f(1))", pages],
  loop: ["($f := function($x) { $f($x) }; $f(1))", pages],
  pattern: ["$match(text, /(a+)+$/)", { ...pages, text: `${words}!` }],
  join: ["$join($map([1..400], function($i) { $$.text }))", pages],
  pad: ["$pad(text, 500000000)", pages],
  doubling: ["($f := function($x) { $f($x & $x) }; $f(text))", pages],
};

// Only Linux tells in this way what another process has and takes.
const tellsOfProcesses = existsSync("/proc/self/status");

let system: LocalSystem;
let simulator: PlatformSimulator;

beforeAll(async () => {
  simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 } });
  const sources: Record<string, { readonly nodeId: string; readonly when?: string }> = {
    condition: { nodeId: "imei", when: "$match(text, /(a+)+$/)" },
    plain: { nodeId: "imei" },
    sensible: { nodeId: "$match(text, /IMEI: *(\\d+)/)[0].groups[0]" },
    unreadable: { nodeId: "$match((" },
    ...Object.fromEntries(Object.entries(bombs).map(([name, [nodeId]]) => [name, { nodeId }])),
  };
  system = await startLocalSystem({
    platform: async () => simulator,
    webhookSources: Object.fromEntries(
      Object.entries(sources).map(([name, { nodeId, ...more }]) => [
        name,
        { preset: "pagerduty", secrets: [secretOf(name)], fields: { deviceId: "device", nodeId }, ...more },
      ]),
    ),
  });
});
afterAll(() => system.close());

const deliveryOf = (source: string, payload: object) =>
  deliver(system.url, senderAt("pagerduty", source), { device: "device-1", imei: "1", ...payload }, source);
const outcomeOf = ({ status, text }: { status: number; text: string }) => [status, JSON.parse(text).code];

/** Refused; PagerDuty is asked to come again where the machine was too busy to find out in its time. */
function expectRefused(answer: { status: number; text: string }, why: RegExp): void {
  expect(answer.text).not.toContain("aaaa");
  const busy = answer.status === 503 && answer.text.includes("not evaluated in time");
  if (!busy)
    expect([...outcomeOf(answer), answer.text]).toEqual([200, "InvalidInputError", expect.stringMatching(why)]);
}

async function residentMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** What all processes that a process has started and that have ended took of a processor, in seconds. */
async function computedByChildren(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user = 0, system = 0] = stat.split(") ")[1]?.split(" ").slice(13, 15).map(Number) ?? [];
  return (user + system) / ticksPerSecond;
}
const ticksPerSecond = 100;

/** The processes that a process has started and that are not gone, by their ids. */
async function childrenOf(pid: number | undefined): Promise<string[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(all.map((one) => readFile(`/proc/${one}/stat`, "utf8").catch(() => "")));
  return stats
    .filter((stat) => stat.split(") ")[1]?.split(" ")[1] === String(pid))
    .map((stat) => stat.slice(0, stat.indexOf(" ")));
}

describe("an expression over a megabyte", () => {
  test.each(Object.keys(bombs))("%s ends when it has computed enough, and the sandbox goes on", async (name) => {
    const [, payload] = bombs[name] ?? expect.fail();
    // A first delivery brings up the sandbox and its session.
    expect((await deliveryOf("plain", {})).status).toBe(202);
    const [before] = system.lambda.sandboxes("ticketWebhook");
    const computed = tellsOfProcesses ? await computedByChildren(before?.pid) : 0;
    expectRefused(
      await deliveryOf(name, payload),
      /nodeId (cannot be read: \w|has (several values|more than 1000 characters))/,
    );
    if (tellsOfProcesses) expect(await computedByChildren(before?.pid)).toBeLessThan(computed + mostComputedSeconds);
    expect((await deliveryOf("plain", {})).status).toBe(202);
    expect(system.lambda.sandboxes("ticketWebhook").map(({ pid }) => pid)).toEqual([before?.pid]);
  });

  test("that is a source's condition is refused too", async () => {
    const answer = await deliveryOf("condition", bombs["pattern"]?.[1] ?? {});
    expectRefused(answer, /when cannot be read: it takes too long/);
  });

  test.runIf(tellsOfProcesses)("leaves no memory taken, and no process behind", async () => {
    const once = async () => {
      for (const name of ["pad", "split", "pattern"]) await deliveryOf(name, bombs[name]?.[1] ?? {});
    };
    await deliveryOf("plain", {});
    const [sandbox] = system.lambda.sandboxes("ticketWebhook");
    // AWS's runtime client is started by a shell.
    const own = await childrenOf(sandbox?.pid);
    await once();
    const before = await residentMb(sandbox?.pid);
    for (let time = 0; time < 3; time += 1) await once();
    expect((await residentMb(sandbox?.pid)) - before).toBeLessThan(40);
    expect(await childrenOf(sandbox?.pid)).toEqual(own);
  });
});

test("a sensible expression re-keys its device", async () => {
  const { status } = await deliveryOf("sensible", { text: "It is dead.\nIMEI: 860000000000001" });
  expect([status, simulator.devices.get("device-1")?.nodeId]).toEqual([202, "860000000000001"]);
});

test("one that cannot be compiled is a fault of ours, named in the log alone", async () => {
  const answer = await deliveryOf("unreadable", {});
  expect([...outcomeOf(answer), answer.text.includes("nodeId")]).toEqual([500, "ConfigurationError", false]);
  expect(system.lambda.lines.map(({ line }) => line).join("\n")).toContain(
    "fields.nodeId The expression cannot be read",
  );
});
