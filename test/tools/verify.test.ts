import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { type LocalSystem, type LocalSystemOptions, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { localFleetBucket } from "../../local/ports.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import type { Line } from "../../tools/verify/line.ts";
import { settingsOf } from "../../tools/verify/settings.ts";
import { verify } from "../../tools/verify/verify.ts";

let system: LocalSystem | undefined;
let simulator: PlatformSimulator | undefined;

afterEach(async () => {
  await system?.close();
  system = undefined;
});

const sources = {
  desk: {
    preset: "shared-secret",
    secrets: ["a-secret-of-the-desk"],
    fields: { deviceId: "deviceId", nodeId: "nodeId" },
  },
};

async function start(options: Partial<LocalSystemOptions> = {}): Promise<LocalSystem> {
  system = await startLocalSystem({
    platform: async () => (simulator = await startPlatformSimulator({})),
    parts: workflowParts({ timeScale: 0.01 }),
    webhookSources: sources,
    ...options,
  });
  return system;
}

function flagsOf({ url, lambda, secrets, parts }: LocalSystem): string[] {
  return [
    `--url=${url}`,
    `--endpoint=lambda=${lambda.url}`,
    `--endpoint=secretsmanager=${secrets.url}`,
    `--endpoint=stepfunctions=${parts.get("Step Functions")?.url}`,
    `--endpoint=s3=${parts.get("Objects (S3)")?.url}`,
  ];
}

async function verified(of: LocalSystem, ...more: string[]): Promise<Line[]> {
  const settings = settingsOf([...flagsOf(of), ...more]);
  const lines: Line[] = [];
  if (settings === undefined) return expect.fail("Help was not asked for");
  await verify(settings, (told) => lines.push(...told));
  return lines;
}

const redOf = (lines: readonly Line[]) => lines.filter(({ state }) => state === "red").map(({ what }) => what);
const about = (lines: readonly Line[], what: string) =>
  lines.find((line) => line.what === what) ?? expect.fail(`Nothing is said of ${what}`);

const elsewhere = "a label moved without a source while another version holds it";
const wrongSource = "a label moved from a version that does not hold it";
const onTarget = "a label moved to where it is, from a version that does not hold it";

describe("against the local system, npm run verify", () => {
  test("finds nothing wrong, in less than a minute, and leaves nothing behind in the store", async () => {
    const local = await start();
    expect((await fetch(`${local.url}/authenticate`, { method: "POST" })).status).toBe(200);
    const startedAt = performance.now();
    const lines = await verified(local);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    expect(redOf(lines)).toEqual([]);
    expect(about(lines, "rekeyDevice")).toMatchObject({ state: "ok", told: expect.stringContaining("does not exist") });
    expect(about(lines, "rekeyFleet, through the Distributed Map").state).toBe("ok");
    for (const what of ["an event on the bus", "alarms"]) expect(about(lines, what).state).toBe("not tried");
    expect(local.secrets.store.all().map(({ name }) => name)).toEqual(Object.values(local.secretIds));
    // The one login is the caller's own, above.
    expect(simulator?.counters.requests.login).toBe(1);
  });

  test("logs in nowhere where nobody has logged in, and says what it left out", async () => {
    const lines = await verified(await start());
    expect(redOf(lines)).toEqual([]);
    expect(about(lines, "rekeyDevice").told).toContain("invoke authenticate");
    expect(about(lines, "rekeyFleet, through the Distributed Map").state).toBe("not tried");
    expect(simulator?.counters.requests.login).toBe(0);
  });

  test("is satisfied with a gateway that refuses who does not sign", async () => {
    const lines = await verified(await start({ requireSignature: true }));
    expect(about(lines, "a call without a signature")).toMatchObject({ state: "ok", told: "refused with 403" });
    expect(about(lines, "a signed call").state).toBe("ok");
  });

  test.each([
    ["documented", []],
    ["moto", [elsewhere]],
    ["lenient", [onTarget]],
    ["careless", [elsewhere, wrongSource, onTarget]],
  ] as const)("says of a store that is %s what it does not refuse", async (storeMood, expected) => {
    expect(redOf(await verified(await start({ storeMood })))).toEqual(expected);
  });

  test("says that a store is unusable which takes other content under a used token", async () => {
    const local = await start();
    // The fifth write of the throw-away secret is the one that has to be refused.
    local.secrets.faults.add({ kind: "refuse", operation: "PutSecretValue", nth: 5, type: "InternalServiceError" });
    expect(redOf(await verified(local))).toEqual(["other content under a token that is used"]);
  });

  test.each<[string, (local: LocalSystem) => void, string, RegExp]>([
    ["the application's secret is no JSON", put("applicationSecret", "{"), "the application's secret", /JSON/],
    [
      "it lacks the password",
      put("applicationSecret", '{"baseUrl":"https://127.0.0.1:1","appId":"a"}'),
      "the application's secret",
      /secret/,
    ],
    [
      "it is empty",
      (local) => void local.secrets.store.delete(local.secretIds.applicationSecret, 0),
      "the application's secret",
      /./,
    ],
    ["a function may not read it", deny("applicationSecret"), "the application's secret", /right/],
    ["a function may not read the session's secret", deny("sessionSecret"), "the session's secret", /allowed to read/],
    [
      "the webhooks' secret is no JSON",
      put("webhooksSecret", "{"),
      "the webhooks' secret",
      /^ConfigurationError: The webhooks secret is not a JSON object\n/,
    ],
    [
      "a function may not read the webhooks' secret",
      deny("webhooksSecret", "AKIDLOCALTICKETWEBHOOK"),
      "the webhooks' secret",
      /^ConfigurationError: .+: AccessDeniedException/,
    ],
    [
      "a source has no field",
      put("webhooksSecret", '{"desk":{"preset":"github","secrets":["0123456789abcdef"]}}'),
      "the webhooks' secret, source desk",
      /fields is missing/,
    ],
  ])("is red in the right line, with the reason, where %s", async (_, harm, what, reason) => {
    const local = await start();
    harm(local);
    const lines = await verified(local);
    expect(redOf(lines)).toContain(what);
    expect(about(lines, what).told).toMatch(reason);
    expect(JSON.stringify(lines)).not.toContain("0123456789abcdef");
  });

  test("is red at the workflow where the secret has no key for codes", async () => {
    const local = await start({ applicationSecret: { codeKey: undefined } });
    expect((await fetch(`${local.url}/authenticate`, { method: "POST" })).status).toBe(200);
    const lines = await verified(local);
    expect(redOf(lines)).toContain("rekeyDevice");
    expect(about(lines, "rekeyDevice").told).toContain("codeKey");
  });

  test("is red at the platform where that is down, and lets what does not need it go on", async () => {
    const local = await start();
    await simulator?.down();
    const lines = await verified(local);
    expect(redOf(lines)).toEqual(["the platform, by the functions' way"]);
  });
});

function put(secret: "applicationSecret" | "webhooksSecret", text: string) {
  return (local: LocalSystem) => void local.secrets.store.put(local.secretIds[secret], { text }, crypto.randomUUID());
}

function deny(secret: "applicationSecret" | "sessionSecret" | "webhooksSecret", accessKeyId = "AKIDLOCALSTATUSCHECK") {
  return (local: LocalSystem) => void local.secrets.deny.push({ accessKeyId, secretId: local.secretIds[secret] });
}

describe("the command", () => {
  async function command(...args: string[]): Promise<{ code: unknown; said: string }> {
    const file = fileURLToPath(new URL("../../tools/verify/main.ts", import.meta.url));
    const child = spawn(process.execPath, [file, ...args]);
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said = said.concat(String(chunk))));
    const [code] = await once(child, "close");
    return { code, said };
  }

  test("ends with 0 where nothing is red, with 1 where something is, and counts", async () => {
    const local = await start();
    const good = await command(...flagsOf(local));
    expect([good.code, good.said]).toEqual([0, expect.stringMatching(/\d+ ok, 0 red, \d+ not tried\n$/)]);
    local.secrets.store.mood = "lenient";
    const bad = await command(...flagsOf(local));
    expect([bad.code, bad.said]).toEqual([1, expect.stringMatching(/ 1 red, /)]);
  });

  test("says where nothing runs what to do", async () => {
    const nowhere = "http://127.0.0.1:9";
    const { code, said } = await command(
      `--url=${nowhere}`,
      ...["lambda", "secretsmanager"].map((one) => `--endpoint=${one}=${nowhere}`),
    );
    expect([code, said]).toEqual([1, expect.stringContaining("run npm start in another terminal first")]);
  });

  test("helps", async () => {
    expect(await command("--help")).toEqual({ code: 0, said: expect.stringContaining("--stage prod") });
  });

  test.each([
    [["--stag=prod"], /Unknown option '--stag'/],
    [["prod"], /Unexpected argument 'prod'/],
    [["--stage=my stage"], /--stage "my stage" is none/],
    [["--region=frankfurt"], /--region "frankfurt" is none/],
    [["--url=rekey.example.com"], /--url "rekey.example.com" is no address/],
    [["--endpoint=lamda=http://127.0.0.1:1"], /there is no service "lamda".*secretsmanager/],
    [["--endpoint=lambda=127.0.0.1"], /is no address/],
  ])("refuses %s in words", (args, words) => {
    expect(() => settingsOf(args)).toThrow(words);
  });

  test("takes one address for all services, and none of AWS's own beside the ones it is given", () => {
    const all = settingsOf(["--stage=dev", "--endpoint=http://127.0.0.1:4566/"]);
    expect(new Set(Object.values(all?.endpoints ?? {}))).toEqual(new Set(["http://127.0.0.1:4566"]));
    const one = settingsOf(["--stage=dev", "--endpoint=s3=http://127.0.0.1:9000"]);
    expect(one?.endpoints).toEqual({ s3: "http://127.0.0.1:9000" });
    expect(settingsOf(["--stage=prod"])).toMatchObject({
      endpoints: undefined,
      bucket: undefined,
      onThisMachine: false,
    });
    expect(settingsOf([])?.bucket).toBe(localFleetBucket);
  });
});
