import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { localFleetBucket } from "../../local/ports.ts";
import { createObjectStore, createS3Client } from "../../shared/runtime/objects.ts";
import { startWorkflowSystem, type WorkflowSystem } from "../workflows/system.ts";
import { linesOf, startFleet } from "./fleet-process.ts";
import { type Fate, type Line, openLine } from "./line.ts";

let local: WorkflowSystem;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rekey-fleet-"));
  local = await startWorkflowSystem(0.01, { quota: { calls: 10_000, windowMs: 60_000 } });
});
afterAll(async () => {
  await local.close();
  await rm(folder, { recursive: true });
});

const path = (name: string) => join(folder, name);
const here = () => ({ workflows: local.workflows.url, objects: local.objects.url });
const changed = () => local.simulator.counters.requests.refreshDeviceKey;

// Side by side: each waits for most of its time.
describe.concurrent("a run that takes minutes, followed over a line of one's own,", () => {
  const lines: Line[] = [];
  beforeAll(async () => {
    const deviceIds = local.simulator.devices.many(2_000);
    await writeFile(path("devices.csv"), `deviceId\n${deviceIds.join("\n")}\n`);
    const begun = startFleet(here(), path("devices.csv"), "--calls-per-minute=120", "--run=june", "--patience=600");
    await vi.waitUntil(() => changed() > 2, { timeout: 120_000 });
    expect(begun.said()).toContain("Run june");
  });
  afterAll(async () => {
    await startFleet(here(), "stop", "june").ended;
    for (const line of lines) await line.close();
  });

  async function followed(...args: string[]) {
    const [workflows, objects] = [await openLine(local.workflows.url), await openLine(local.objects.url)];
    lines.push(workflows, objects);
    const endpoints = { workflows: workflows.url, objects: objects.url };
    const out = `--out=${path(`followed-${lines.length}.jsonl`)}`;
    const follower = startFleet(endpoints, path("devices.csv"), "--run=june", out, ...args);
    // It says so when it follows, and shows how far the run is.
    await vi.waitUntil(() => /of 2000/.test(follower.said()), { timeout: 120_000 });
    const set = async (fate: Fate) => {
      await workflows.set(fate);
      await objects.set(fate);
    };
    return { follower, set, workflows, objects };
  }

  test("is shown again once the connection is back", async () => {
    const { follower, set } = await followed();
    await set("cut");
    await vi.waitUntil(() => follower.said().includes("The connection is lost"), { timeout: 120_000 });
    expect(follower.said()).toContain("The run goes on");
    await set("through");
    await vi.waitUntil(() => follower.said().includes("The connection is back"), { timeout: 120_000 });
    await set({ status: 403, body: "" });
    expect(await follower.ended).toMatchObject({ code: 3 });
  });

  test.each<[string, Fate]>([
    ["refuses connections", "cut"],
    ["takes requests and never answers", "mute"],
    ["answers with a proxy's page", { status: 502, body: "<html>Bad gateway</html>" }],
  ])("is left alone with exit code 3 when the line %s for longer than patience lasts", async (_, fate) => {
    const { follower, set } = await followed("--patience=2");
    const before = changed();
    await set(fate);
    const { code, said } = await follower.ended;
    expect([code, said]).toEqual([3, expect.stringContaining("The run goes on; the same command shows it again")]);
    expect(said).not.toMatch(/\n {4}at /);
    await vi.waitUntil(() => changed() > before + 1, { timeout: 120_000 });
  });

  const amazon = "com.amazon.coral.service#";
  const xml = (code: string) => `<Error><Code>${code}</Code><Message>The provided token has expired.</Message></Error>`;
  test.each<["workflows" | "objects", string, Fate]>([
    ["workflows", "ExpiredTokenException", { status: 400, body: `{"__type":"${amazon}ExpiredTokenException"}` }],
    ["workflows", "UnrecognizedClientException", { status: 400, body: `{"__type":"UnrecognizedClientException"}` }],
    ["workflows", "AccessDeniedException", { status: 400, body: `{"__type":"${amazon}AccessDeniedException"}` }],
    ["objects", "ExpiredToken", { status: 400, body: xml("ExpiredToken") }],
    ["objects", "AccessDenied", { status: 403, body: xml("AccessDenied") }],
    ["objects", "403 without a word", { status: 403, body: "" }],
  ])("is left alone with exit code 3 at once when its credentials end: %s, %s", async (where, _, fate) => {
    const follow = await followed("--patience=86400");
    await follow[where].set(fate);
    const { code, said } = await follow.follower.ended;
    expect([code, said]).toEqual([3, expect.stringContaining("The run goes on; the same command shows it again")]);
    expect(said).not.toMatch(/\n {4}at /);
  });

  test("ends with what is wrong, and does not look for a connection, when an object of the run was changed", async () => {
    const { follower, objects } = await followed();
    await objects.set({ status: 200, body: "{" });
    const { code, said } = await follower.ended;
    expect([code, said]).toEqual([1, expect.stringContaining("was changed or removed by somebody else")]);
    expect(said).toContain("The run goes on; the same command shows it again");
    expect(said).not.toMatch(/The connection is lost|\n {4}at /);
  });

  test("is told to be forgotten where npm start was begun anew meanwhile", async () => {
    const { follower, workflows } = await followed("--patience=86400");
    await workflows.set({ status: 400, body: '{"__type":"ExecutionDoesNotExist"}' });
    expect(await follower.ended).toMatchObject({ code: 1, said: expect.stringContaining("nothing is known of it") });
  });
});

test("a result so far that cannot be written is said once, and the run is followed on", async () => {
  const deviceIds = local.simulator.devices.many(300);
  await writeFile(path("kept.csv"), `deviceId\n${deviceIds.join("\n")}\n`);
  const line = await openLine(local.workflows.url);
  const { said, ended } = startFleet(
    { workflows: line.url, objects: local.objects.url },
    ...[path("kept.csv"), "--calls-per-minute=60", "--run=kept", "--patience=1"],
  );
  await vi.waitUntil(() => /of 300/.test(said()), { timeout: 120_000 });
  // The second batch's turn is minutes away; only whoever reads all lines meets it.
  const client = createS3Client(local.objects.url, {
    ...{ region: "eu-central-1", credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" } },
  });
  const objects = createObjectStore(localFleetBucket, client);
  await objects.put("runs/kept/1/round-1/fresh/2.in.jsonl", "{\n");
  const words = "The result so far cannot be written: The object runs/kept/1/round-1/fresh/2.in.jsonl was changed";
  await vi.waitUntil(() => said().includes(words), { timeout: 120_000 });
  expect(said()).not.toContain("The connection is lost");
  // Still followed: what the line does then is noticed.
  await line.set({ status: 400, body: '{"__type":"ExpiredTokenException"}' });
  expect(await ended).toMatchObject({ code: 3 });
  await line.close();
  await startFleet(here(), "stop", "kept").ended;
  client.destroy();
});

test("the result so far stands beside the input while a run is under way, in order and whole, and what failed at its end", async () => {
  const deviceIds = local.simulator.devices.many(150).map((one, at) => (at % 25 === 7 ? `nobody-${at}` : one));
  await writeFile(path("so-far.csv"), `deviceId\n${deviceIds.join("\n")}\n`);
  const out = path("so-far.csv.result.jsonl");
  const run = startFleet(here(), path("so-far.csv"), "--calls-per-minute=480", "--include-code", "--new");
  let isOver = false;
  const ended = run.ended.then((end) => {
    isOver = true;
    return end;
  });
  const seen: (readonly { line: number; status?: string; verifyCode?: string }[])[] = [];
  await vi.waitUntil(
    async () => {
      if (!isOver && existsSync(out)) seen.push(await linesOf(out));
      return isOver;
    },
    { timeout: 120_000, interval: 100 },
  );
  const { code, said } = await ended;
  expect([code, said]).toEqual([0, expect.stringContaining("Failed: ")]);
  const lines = await linesOf(out);
  const parts = seen.filter((one) => one.some(({ status }) => status === undefined));
  expect(parts.length).toBeGreaterThan(0);
  for (const some of [...parts, lines]) expect(some.map(({ line }) => line)).toEqual(deviceIds.map((_, at) => at + 2));
  for (const some of parts) expect(some.filter(({ verifyCode }) => verifyCode !== undefined)).toEqual([]);
  expect(parts.at(-1)?.some(({ status }) => status === "done")).toBe(true);
  expect(lines.filter(({ status, verifyCode }) => status === "done" && verifyCode !== undefined)).toHaveLength(144);
  expect(statSync(out).mode & 0o777).toBe(0o600);
  const failed = (await readFile(path("so-far.csv.failed.csv"), "utf8")).trim().split("\n");
  expect(failed.map((one) => one.split(",")[0])).toEqual([
    "deviceId",
    ...deviceIds.filter((one) => one.startsWith("nobody")).map((one) => `"${one}"`),
  ]);
});

test.each([
  ["too many devices failed", ["--max-failures=2"], 1, /TooManyDevicesFailed/],
  ["its first devices are not well", ["--canary=4"], 1, /CanaryFailed/],
])("a run that stops because %s says how many lines were never tried", async (name, flags, expected, error) => {
  const [first = ""] = flags;
  const deviceIds = local.simulator.devices.many(60);
  const all = [...deviceIds.slice(0, 2), `${name}-1`, `${name}-2`, ...deviceIds.slice(2)].map((one) =>
    one.replaceAll(" ", "-"),
  );
  await writeFile(path(`early${first}.csv`), `deviceId\n${all.join("\n")}\n`);
  const { ended } = startFleet(here(), path(`early${first}.csv`), "--new", "--calls-per-minute=300", ...flags);
  const { code, said } = await ended;
  expect([code, said]).toEqual([expected, expect.stringMatching(error)]);
  const untried = (await linesOf(path(`early${first}.csv.result.jsonl`))).filter(
    ({ status }) => status === undefined,
  ).length;
  expect(untried).toBeGreaterThan(20);
  // Beside the result, and in the execution's own words.
  expect(said.match(new RegExp(`${untried} lines were never tried`, "g"))).toHaveLength(2);
});
