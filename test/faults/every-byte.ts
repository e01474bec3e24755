import { randomUUID } from "node:crypto";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { isErrorName } from "../../shared/errors.ts";
import { parseSession, requestToken, sessionText } from "../../shared/platform/session-document.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "../end-to-end/rekey.ts";

/** What became of requests whose login, renewal or read was cut after 0, 1, 2, ... bytes of its answer. */
export interface CutTrial {
  readonly operation: "login" | "refreshToken" | "deviceInfo";
  readonly cuts: number;
  readonly answers: readonly string[];
  readonly logins: number;
  readonly wrong: readonly string[];
}

const dayMs = 86_400_000;
const longestAnswer = 600;
/** Logins and renewals that one cut may lead to: the one that is cut, one in its place, and the repeat's. */
const mostLogins = { login: 2, refreshToken: 2, deviceInfo: 0 } as const;

/**
 * Cuts the answer to a login, to a refreshToken, or to the read that `expectedNodeId` asks for, after every byte of it,
 * on one running system; each request is repeated with nothing in its way.
 */
export async function cutAtEveryByte(operation: CutTrial["operation"], mood: Mood): Promise<CutTrial> {
  const rekey = await startRekey({}, { codeKey: Buffer.alloc(32, 5).toString("base64") }, {}, mood);
  try {
    resultOf(await rekey.refresh({ deviceId: "device-9" }));
    const { requests } = rekey.simulator.counters;
    const logins = () => requests.login + requests.refreshToken;
    const before = logins();
    const answers = new Set<string>();
    const wrong: string[] = [];
    for (let bytes = 0; bytes < longestAnswer; bytes += 1) {
      if (operation === "login") forgetToken(rekey);
      if (operation === "refreshToken") await endToken(rekey);
      const passwordLogins = requests.login;
      const { answer, faults } = await cutOnce(rekey, operation, bytes);
      answers.add(answer);
      wrong.push(...faults.map((fault) => `cut at byte ${bytes}: ${fault}`));
      // Byte 0 of a kept-alive connection is safe to ask again for; any other that ends well is the whole answer. A
      // renewal that is cut is followed by a login.
      if (answer === "ok" && bytes > 0 && (operation === "login" || requests.login === passwordLogins)) {
        const made = logins() - before;
        if (made > mostLogins[operation] * (bytes + 1)) wrong.push(`${made} logins`);
        return { operation, cuts: bytes + 1, answers: [...answers], logins: made, wrong };
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

/** A session whose token has ended and whose refreshToken holds, and no sandbox that remembers another one. */
async function endToken({ secrets, secretIds, lambda }: Rekey): Promise<void> {
  secrets.store.advance(dayMs);
  const { version } = secrets.store.read(secretIds.sessionSecret);
  const { token, refreshToken, ledger } = parseSession(version.id, version.content.text ?? "", Date.now());
  if (token === undefined || ledger === undefined) throw new Error("There is no session of ours");
  const next = { ...ledger, follows: version.id };
  const endedAtMs = Date.now() - 1_000;
  const ended = { ...token, issuedAtMs: endedAtMs - 3_600_000, expiresAtMs: endedAtMs };
  const text = sessionText({ token: ended, refreshToken, ledger: next });
  secrets.store.put(secretIds.sessionSecret, { text }, requestToken(next));
  await lambda.recycle("refreshDeviceKey");
}

/** An ended session, without what it booked: the next request has to log in, however often that happened before. */
function forgetToken({ secrets, secretIds, simulator }: Rekey): void {
  secrets.store.advance(dayMs);
  secrets.store.put(secretIds.sessionSecret, { text: "{}" }, randomUUID());
  simulator.killToken();
}
