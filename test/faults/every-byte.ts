import { randomUUID } from "node:crypto";
import { isErrorName } from "../../shared/errors.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "../end-to-end/rekey.ts";

/** What became of requests whose login or read was cut after 0, 1, 2, ... bytes of its answer. */
export interface CutTrial {
  readonly operation: "login" | "deviceInfo";
  readonly cuts: number;
  readonly answers: readonly string[];
  readonly logins: number;
  readonly wrong: readonly string[];
}

const dayMs = 86_400_000;
const longestAnswer = 600;

/**
 * Cuts the answer to a login, or to the read that `expectedNodeId` asks for, after every byte of it, on one running
 * system; each request is repeated with nothing in its way.
 */
export async function cutAtEveryByte(operation: CutTrial["operation"]): Promise<CutTrial> {
  const rekey = await startRekey({}, { codeKey: Buffer.alloc(32, 5).toString("base64") });
  try {
    resultOf(await rekey.refresh({ deviceId: "device-9" }));
    const loginsBefore = rekey.simulator.counters.requests.login;
    const answers = new Set<string>();
    const wrong: string[] = [];
    for (let bytes = 0; bytes < longestAnswer; bytes += 1) {
      if (operation === "login") forgetToken(rekey);
      const { answer, faults } = await cutOnce(rekey, operation, bytes);
      answers.add(answer);
      wrong.push(...faults.map((fault) => `cut at byte ${bytes}: ${fault}`));
      // Byte 0 of a kept-alive connection is safe to ask again for; any other that ends well is the whole answer.
      if (answer === "ok" && bytes > 0) {
        const logins = rekey.simulator.counters.requests.login - loginsBefore;
        // The one that is cut, and the repeat's.
        const most = operation === "login" ? 2 * (bytes + 1) : 0;
        if (logins > most) wrong.push(`${logins} logins`);
        return { operation, cuts: bytes + 1, answers: [...answers], logins, wrong };
      }
    }
    throw new Error(`The answer to ${operation} has more than ${longestAnswer} bytes`);
  } finally {
    await rekey.close();
  }
}

async function cutOnce({ simulator, refresh }: Rekey, operation: CutTrial["operation"], bytes: number) {
  const deviceId = `${operation}-${bytes}`;
  const { nodeId: expectedNodeId } = simulator.devices.set(deviceId);
  const request = { deviceId, nodeId: `urn:imei:new-${deviceId}`, idempotencyKey: "cut", expectedNodeId };
  simulator.faults.add({ kind: "cutAt", bytes, operation, applied: true });
  const answer = errorOf(await refresh(request));
  simulator.faults.clear();
  const repeat = await refresh(request);
  const states = simulator.devices.get(deviceId)?.history ?? [];
  const codes = new Set(states.map(({ verifyCode }) => verifyCode));
  const faults = [
    ...(answer === "ok" || isErrorName(answer) ? [] : [`answer ${answer}`]),
    ...(repeat.ok ? [] : [`repeat ${errorOf(repeat)}`]),
    ...(codes.size === 1 && states.every(({ nodeId }) => nodeId === request.nodeId) ? [] : ["a state of its own"]),
  ];
  return { answer, faults };
}

/** An ended session, without what it booked: the next request has to log in, however often that happened before. */
function forgetToken({ secrets, secretIds, simulator }: Rekey): void {
  secrets.store.advance(dayMs);
  const versions = [...secrets.store.find(secretIds.sessionSecret).versions.values()];
  const lease = versions.find(({ labels }) => labels.has("REKEY_LEASE"))?.id ?? "";
  const turn = Number(/slot-(\d)/.exec(lease)?.[1] ?? 0);
  secrets.store.put(secretIds.sessionSecret, { text: JSON.stringify({ turn }) }, randomUUID());
  simulator.killToken();
}
