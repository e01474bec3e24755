import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../../local/local-system.ts";
import type { LocalObjectStore } from "../../../local/object-store.ts";
import { createPage } from "../../../local/page/page.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../../local/platform-simulator/simulator.ts";
import type { StepFunctions } from "../../../local/step-functions/endpoint.ts";
import { workflowParts } from "../../../local/step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketDeskPart } from "../../../local/ticket-desk/desk.ts";
import { sourcesOf } from "../../../local/ticket-desk/senders.ts";
import { startBrowser } from "./browser.ts";

const screenshot = fileURLToPath(new URL("../../../local/page/screenshot.png", import.meta.url));
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const browser: Browser | undefined = await startBrowser();
let simulator: PlatformSimulator;
let desk: TicketDesk;
let system: LocalSystem;
let watched: Parameters<typeof createPage>[2];
let store: LocalObjectStore | undefined;
const keepWorkflows = (workflows: StepFunctions, objects: LocalObjectStore) => {
  store = objects;
  watched = { executions: () => workflows.executions.values(), objects: () => objects.objects };
};

beforeAll(async () => {
  simulator = await startPlatformSimulator({});
  desk = await startTicketDesk();
  system = await startLocalSystem({
    platform: async () => simulator,
    parts: [ticketDeskPart(desk), ...workflowParts({ timeScale: 0.05, onStart: keepWorkflows })],
    webhookSources: sourcesOf(desk),
    aside: (context) => createPage(desk, context, watched),
  });
});

afterAll(async () => {
  await browser?.close();
  await system.close();
});

// Left out, and counted so, only where no browser starts at all; never in CI.
describe.skipIf(browser === undefined)(`in Chromium ${browser?.version() ?? "(NONE STARTS HERE: LEFT OUT)"}`, () => {
  let page: Page;
  const wrong: string[] = [];
  const said = () => page.getByRole("status").textContent();
  const cells = (deviceId: string) => page.locator(`tr[data-device-id="${deviceId}"] td`).allTextContents();

  beforeEach(async () => {
    if (browser === undefined) throw new Error("Left out without a browser");
    wrong.length = 0;
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(120_000);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(system.url)) wrong.push(request.url());
    });
    await page.goto(system.url);
    await page.locator("#devices tr").first().waitFor();
  });
  afterEach(() => page.close());

  test("it loads without errors and from nowhere else, with the whole reference", async () => {
    await page.locator(".opblock").nth(5).waitFor();
    expect(await page.locator(".opblock").count()).toBe(6);
    expect(wrong).toEqual([]);
  });

  test("what is ours of it has no fault that axe finds", async () => {
    await page.evaluate(axe);
    const found = await page.evaluate("axe.run({ exclude: ['#reference'] })");
    const { violations, passes } = found as Record<"violations" | "passes", { id: string; nodes: unknown[] }[]>;
    expect(violations.map(({ id, nodes }) => [id, JSON.stringify(nodes).slice(0, 300)])).toEqual([]);
    expect(passes.map(({ id }) => id)).toContain("color-contrast");
  });

  test("a click re-keys a device", async () => {
    const before = simulator.devices.get("device-1")?.nodeId;
    await page.getByRole("button", { name: "Re-key device-1", exact: true }).click();
    await expect.poll(said).toMatch(/^device-1: 200 after \d+ ms, its code is /);
    const { nodeId, verifyCode, history } = simulator.devices.get("device-1") ?? {};
    expect([history?.length, nodeId === before]).toEqual([1, false]);
    expect((await cells("device-1")).slice(1, 4)).toEqual([nodeId, "OFFLINE", verifyCode]);
    await expect.poll(() => page.locator("#session").textContent()).toMatch(/refreshDeviceKey logged in last/);
  });

  test("by keyboard alone, a signed event brings the note", async () => {
    const before = desk.on("zendesk", "35436").length;
    await page.getByLabel("Device", { exact: true }).selectOption("device-2");
    await page.getByLabel("New IMEI").fill("860000000000025");
    await page.getByLabel("New IMEI").press("Enter");
    await expect.poll(said).toMatch(/^zendesk was answered 202 after \d+ ms; its operation is desk-/);
    const note = page.locator("#notes li").first();
    await note.waitFor();
    expect(desk.on("zendesk", "35436")).toHaveLength(before + 1);
    expect(await note.textContent()).toContain(simulator.devices.get("device-2")?.verifyCode);
    if (process.env["REKEY_SCREENSHOT"] === undefined) return;
    await page.setViewportSize({ width: 1280, height: 1320 });
    await page.screenshot({ path: screenshot });
  });

  test("a pasted payload is signed with its source's secret, and does what the source makes of it", async () => {
    await page.getByLabel("Source", { exact: true }).selectOption("field-service");
    const issue = { key: "FIELD-17", fields: { customfield_10010: "device-3", customfield_10011: "860000000000003" } };
    const changelog = { items: [{ field: "status", fromString: "Open", toString: "Replaced" }] };
    await page
      .getByLabel("Payload, as your system sends it")
      .fill(JSON.stringify({ webhookEvent: "jira:issue_updated", issue, changelog }));
    await page.getByRole("button", { name: "Sign and send" }).click();
    await expect.poll(said).toMatch(/^field-service was answered 202; its operation is field-service-/);
    await expect.poll(() => simulator.devices.get("device-3")?.nodeId).toBe("860000000000003");
    await page.getByLabel("Payload, as your system sends it").fill("no JSON");
    await page.getByRole("button", { name: "Sign and send" }).click();
    await expect.poll(said).toContain("the body is not JSON");
  });

  test("a ticket that waits says what keeps it and what would end it, and then no more", async () => {
    await page.getByRole("button", { name: "Take online: device-7" }).click();
    await page.getByLabel("Device", { exact: true }).selectOption("device-7");
    await page.getByLabel("New IMEI").fill("860000000000007");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const waiting = page.locator("#waiting li");
    await waiting.waitFor();
    expect(await waiting.textContent()).toMatch(
      /^device-7 waits since [\d:]+: The device is online\.\nSwitch the old device off/,
    );
    await page.getByRole("button", { name: "Take offline: device-7" }).click();
    await page.locator("#notes li").filter({ hasText: "device-7" }).waitFor();
    await expect.poll(() => waiting.count()).toBe(0);
  });

  test("a fleet's run shows how far it is, and why it waits", async () => {
    const counts = { done: 3, failed: 1, waiting: 2, errors: {} };
    const progress = {
      ...{
        run: "meters",
        generation: 1,
        total: 10,
        ...counts,
        round: 1,
        startedAtMs: 0,
        updatedAtMs: 0,
        finished: false,
      },
      ...{
        callsPerMinute: 95,
        before: counts,
        batches: [],
        stopped: { error: "PlatformUnavailableError", cause: "It is down" },
      },
    };
    store?.objects.set("rekey-local-fleet/runs/meters/progress.json", Buffer.from(JSON.stringify(progress)));
    const run = page.locator("#fleets li");
    await run.waitFor();
    expect(await run.textContent()).toBe(
      "meters 4 of 10waits: PlatformUnavailableError, It is down; 3 done, 1 failed, 2 wait",
    );
    expect(
      await run.locator("progress").evaluate((bar) => [bar.getAttribute("value"), bar.getAttribute("max")]),
    ).toEqual(["4", "10"]);
    store?.objects.delete("rekey-local-fleet/runs/meters/progress.json");
    await expect.poll(() => run.count()).toBe(0);
  });

  test("on a telephone every row is a card, nothing is cut off, and no value is broken", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const row = page.locator('tr[data-device-id="device-online"]');
    const labels = await row.locator("td").evaluateAll((all) => all.map((cell) => cell.dataset["label"]));
    expect(labels).toEqual(["Device", "nodeId", "State", "Code", "Do"]);
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    expect(wide).toBeLessThanOrEqual(390);
    const heights = await row
      .locator("td")
      .evaluateAll((all) => all.slice(0, 3).map((cell) => cell.getBoundingClientRect().height));
    // One line each.
    expect(Math.max(...heights)).toBeLessThan(30);
    await page.evaluate(axe);
    const found = await page.evaluate("axe.run({ exclude: ['#reference'] })");
    expect((found as { violations: { id: string }[] }).violations.map(({ id }) => id)).toEqual([]);
    if (process.env["REKEY_SCREENSHOT"] !== undefined)
      await page.screenshot({
        path: `${process.env["REKEY_SCREENSHOT"]}.narrow.png`,
        fullPage: true,
        clip: { x: 0, y: 1000, width: 390, height: 1500 },
      });
  });

  test("a device that is taken online is refused, until it is taken offline", async () => {
    await page.getByRole("button", { name: "Take online: device-3" }).click();
    await expect.poll(said).toBe("device-3 is online.");
    await page.getByRole("button", { name: "Re-key device-3", exact: true }).click();
    await expect.poll(said).toMatch(/^device-3: 409 .*DeviceOnlineError: .*Switch the old device off/);
    await page.getByRole("button", { name: "Take offline: device-3" }).click();
    await expect.poll(() => cells("device-3").then((texts) => texts[2])).toBe("OFFLINE");
  });

  test("an answer that is lost, and a login of another system, are overcome", async () => {
    await page.getByRole("button", { name: "Let another system log in" }).click();
    await expect.poll(said).toMatch(/^Another system logged in/);
    await expect
      .poll(() => page.locator("#session").textContent())
      .toMatch(/another system: the platform takes its token/);
    await page.getByRole("button", { name: "Re-key device-5", exact: true }).click();
    await expect.poll(said).toMatch(/^device-5: 200 /);
    await expect.poll(() => page.locator("#session").textContent()).toMatch(/all functions/);
    await page.getByRole("button", { name: "Lose the next answer" }).click();
    await expect.poll(said).toMatch(/^The next change will be done/);
    await page.getByLabel("Device", { exact: true }).selectOption("device-6");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const note = page.locator("#notes li").filter({ hasText: "device-6" });
    await note.waitFor();
    const text = await note.textContent();
    expect(text).toContain(simulator.devices.get("device-6")?.verifyCode ?? `the code of device-6 in ${text}`);
  });

  test.each([
    ["Throttle", /429 .*PlatformThrottledError/],
    ["Cut off", /503 .*PlatformUnavailableError/],
  ])("%s shows in the answers, and ends", async (name, refusal) => {
    await page.getByRole("button", { name }).click();
    await expect.poll(() => page.getByRole("button", { name }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "Re-key device-4", exact: true }).click();
    await expect.poll(said).toMatch(refusal);
    await page.getByRole("button", { name: "Works" }).click();
    await expect.poll(said).toBe("The platform works.");
    await page.getByRole("button", { name: "Re-key device-4", exact: true }).click();
    await expect.poll(said).toMatch(/^device-4: 200 /);
  });
});

test("the README's picture is small", () => {
  expect(statSync(screenshot).size).toBeLessThan(200_000);
});
