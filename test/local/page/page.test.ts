import { existsSync } from "node:fs";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startPlatformSimulator } from "../../platform-simulator/simulator.ts";
import { startTicketDesk, ticketDeskPart } from "../../ticket-desk/desk.ts";
import { sourcesOf } from "../../ticket-desk/senders.ts";
import { type LocalSystem, startLocalSystem } from "../local-system.ts";
import { workflowParts } from "../step-functions/part.ts";
import { createPage } from "./page.ts";

let system: LocalSystem;
let browser: Browser | undefined;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  const desk = await startTicketDesk();
  system = await startLocalSystem({
    platform: () => startPlatformSimulator({}),
    parts: [ticketDeskPart(desk), ...workflowParts({ timeScale: 0.01 })],
    webhookSources: sourcesOf(desk),
    aside: (context) => createPage(desk, context),
  });
  // The browser that an npm package ships, so that this is never left out; Debian's where there is one.
  const debian = "/usr/bin/chromium";
  const executablePath = existsSync(debian) ? debian : await chromium.executablePath();
  try {
    browser = await driver.launch({ executablePath, args: [...chromium.args, "--no-sandbox"], headless: true });
  } catch (error) {
    // It needs libnss3 of the system, which .ci/run installs where it is missing.
    if (process.env["CI"] !== undefined) throw error;
    console.error(`LEFT OUT: the page's tests, for want of a browser that starts here: ${error}`);
    return;
  }
  page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on(
    "request",
    (request) =>
      request.url().startsWith(system.url) || request.url().startsWith("data:") || faults.push(request.url()),
  );
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await system?.close();
});

beforeEach(({ skip }) => skip(browser === undefined, "no browser starts here"));

test("a click sends a ticket, and its device's new code and the note appear", async () => {
  await page.goto(`${system.url}/`);
  const row = page.locator('[data-device="device-3"]');
  await row.getByRole("button", { name: "Send its ticket: device-3" }).click();
  await page.locator("#notes pre").filter({ hasText: "Device device-3 is re-keyed" }).waitFor({ timeout: 20_000 });
  const code = (await row.locator("td").nth(3).textContent()) ?? "";
  expect(code).toMatch(/^[0-9a-z]{16}$/);
  expect(await page.locator("#notes").textContent()).toContain(code);
  expect(await page.locator("#session").textContent()).toContain("Logins so far1");
});

test("a device is brought online and taken offline again", async () => {
  const row = page.locator('[data-device="device-4"]');
  await row.getByRole("button", { name: /Bring online/ }).click();
  await row.getByText("ONLINE").waitFor();
  await row.getByRole("button", { name: /Take offline/ }).click();
  await row.getByText("OFFLINE").waitFor();
});

test("every button has a name, every table heads, and the page one title and a language", async () => {
  const nameless = await page
    .locator("button")
    .evaluateAll((buttons) => buttons.filter((one) => !one.textContent?.trim()));
  expect(nameless).toEqual([]);
  expect(await page.locator("table:not(:has(th[scope=col]))").count()).toBe(0);
  expect(await page.locator("h1").count()).toBe(1);
  expect(await page.locator("html").getAttribute("lang")).toBe("en");
  const screenshot = process.env["REKEY_SCREENSHOT"];
  if (screenshot !== undefined) await page.screenshot({ path: screenshot });
});

test("the reference shows every route, from this machine alone", async () => {
  await page.goto(`${system.url}/_local/reference`);
  await page.locator(".opblock").first().waitFor({ timeout: 20_000 });
  expect(await page.locator(".opblock").count()).toBe(6);
  expect(faults).toEqual([]);
});

test("nothing else stands beside the routes", async () => {
  for (const path of ["/_local/nothing", "/_local/constructor", "/_local/../package.json"]) {
    expect([path, (await fetch(system.url + path)).status]).toEqual([path, 404]);
  }
  const form = await fetch(`${system.url}/_local/stranger`, { method: "POST", body: "a=b" });
  expect(form.status).toBe(404);
});
