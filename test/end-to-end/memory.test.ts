import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { type RawPlatform, startRawPlatform } from "../platform/raw-platform.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "./rekey.ts";

let rekey: Rekey;
let hostile: RawPlatform;
afterEach(async () => {
  await rekey.close();
  await hostile.close();
});

/** Memory that the one sandbox of refreshDeviceKey has in use (VmRSS), in MB. */
async function residentMb(): Promise<number> {
  const [sandbox] = rekey.lambda.sandboxes("refreshDeviceKey");
  const status = await readFile(`/proc/${sandbox?.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

const start = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;

// Only Linux tells how much memory another process has in this way.
test.runIf(existsSync("/proc/self/status"))(
  "answers without end cost a sandbox no memory that it does not give back",
  async () => {
    rekey = await startRekey();
    let sentMb = 0;
    // As fast as the sandbox takes it, until it hangs up.
    hostile = await startRawPlatform((socket) => {
      const more = () => {
        sentMb += chunk.length / 1_048_576;
        if (!socket.destroyed) socket.write(chunk, () => setImmediate(more));
      };
      socket.write(start, more);
    });
    resultOf(await rekey.refresh({ deviceId: "device-1" }));
    rekey.changeSecret({ baseUrl: hostile.url });
    await rekey.lambda.recycle("refreshDeviceKey");
    const attack = async (times: number) => {
      for (let time = 0; time < times; time += 1) {
        expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("OutcomeUnknownError");
      }
    };
    await attack(10);
    const before = await residentMb();
    await attack(40);
    // Each of them is read for a megabyte.
    expect(sentMb).toBeGreaterThan(50);
    expect((await residentMb()) - before).toBeLessThan(40);
  },
);
