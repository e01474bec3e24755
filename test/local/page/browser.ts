import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type LaunchOptions } from "playwright-core";

/** A headless Chromium: the one in the npm package, else the machine's. @returns undefined where neither runs @throws Error there in CI */
export async function startBrowser(): Promise<Browser | undefined> {
  const installed = ["/usr/bin/chromium", "/usr/bin/google-chrome"].filter((path) => existsSync(path));
  const candidates = [unpacked, ...installed.map((executablePath) => async () => ({ executablePath }))];
  for (const candidate of candidates) {
    try {
      return await chromium.launch({ args: ["--no-sandbox"], ...(await candidate()) });
    } catch (error) {
      console.warn(`A browser did not start: ${String(error).slice(0, 400)}`);
      // What was unpacked by halves would not start the next time either.
      if (candidate === unpacked) await rm(unpackedInto, { recursive: true, force: true });
    }
  }
  if (process.env["CI"] !== undefined) throw new Error("No browser starts here, and CI leaves no test out");
  console.warn("LEFT OUT: the page's tests in a browser, since none starts here (npm ci brings one for x64)");
  return undefined;
}

const unpackedInto = fileURLToPath(new URL("../../../node_modules/.cache/chromium", import.meta.url));

/** Unpacks the npm package's browser, and the libraries it needs where the machine has none, once an installation. */
async function unpacked(): Promise<LaunchOptions> {
  const before = { ...process.env };
  await mkdir(unpackedInto, { recursive: true });
  // The package unpacks into the folder for temporary files, and its libraries only where it takes itself for Lambda.
  Object.assign(process.env, { TMPDIR: unpackedInto, AWS_LAMBDA_JS_RUNTIME: "nodejs22.x" });
  try {
    const { default: packaged } = await import("@sparticuz/chromium");
    const executablePath = await packaged.executablePath();
    const env = { ...process.env, TMPDIR: before["TMPDIR"], FONTCONFIG_FILE: await fontConfiguration() };
    return { executablePath, env };
  } finally {
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/**
 * Where the unpacked fonts are. The package's own configuration names a folder that lies directly in /tmp; without a
 * font, Chromium dies at the first page. Written anew each time, for a checkout may have been moved.
 */
async function fontConfiguration(): Promise<string> {
  const file = join(unpackedInto, "fonts.conf");
  const escaped = (name: string) => join(unpackedInto, name).replace(/[&<]/g, (mark) => `&#${mark.charCodeAt(0)};`);
  const folders = `<dir>${escaped("fonts")}</dir><cachedir>${escaped("fonts-cache")}</cachedir>`;
  await writeFile(file, `<?xml version="1.0"?>\n<fontconfig>${folders}</fontconfig>\n`);
  return file;
}
