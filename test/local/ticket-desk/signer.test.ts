import { expect, test } from "vitest";
import { senders } from "../../../local/ticket-desk/senders.ts";
import { signed } from "../../../local/ticket-desk/signer.ts";
import { readSource } from "../../../shared/webhook/source.ts";
import { verify } from "../../../shared/webhook/verify.ts";

const nowMs = Date.parse("2026-11-25T20:00:00Z");
const text = '{ "webhookTimestamp": 1, "imei": 89860117801234567894, "name": "Zoë" }';
const fields = { deviceId: "device" };
const secrets = ["a secret of sixteen letters and more"];
const hmac = (signature: object) => ({ preset: "hmac", secrets, fields, signature });

test.each<[string, object]>([
  ...Object.entries(senders).map(([preset, { configuration }]): [string, object] => [preset, configuration]),
  ["a bearer", { preset: "shared-secret", secrets, fields, signature: { header: "Authorization", prefix: "Bearer " } }],
  [
    "a time beside the signature, as Stripe writes it",
    hmac({
      ...{ header: "X-Signature", prefix: "v1=", separator: ",", signed: "{timestamp}.{body}" },
      timestamp: { in: "signature", name: "t", unit: "s" },
    }),
  ],
])("what is signed for %s verifies there, and not with another body", async (_, configuration) => {
  const { scheme, secrets: own } = await readSource("desk", configuration);
  const { body, headers } = signed({ scheme, secrets: own.slice(-1) }, text, nowMs);
  const bytes = Buffer.from(body);
  expect(verify(scheme, own, { headers, body: bytes, nowMs }).secret).toBe(own.at(-1));
  const secretIsSent = scheme.kind === "shared-secret";
  const other = () => verify(scheme, own, { headers, body: Buffer.from(`${body} `), nowMs });
  if (secretIsSent) expect(other).not.toThrow();
  else expect(other).toThrow("The signature does not verify");
  // Nothing but the time of sending, where there is one, is another: digits least of all.
  expect(body.replace(String(nowMs), "1").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
});

test.each([
  ["{}", '{"webhookTimestamp":1764100800000}'],
  ['{"a":1}', '{"webhookTimestamp":1764100800000,"a":1}'],
  ['{"webhookTimestamp" : "x"}', '{"webhookTimestamp":1764100800000}'],
])("a time of sending is written into %s", async (payload, expected) => {
  const { scheme } = await readSource("linear", { preset: "linear", secrets, fields });
  expect(signed({ scheme, secrets }, payload, 1_764_100_800_000).body).toBe(expected);
});

test("a source without a secret signs nothing", async () => {
  const { scheme } = await readSource("desk", { preset: "github", fields });
  expect(() => signed({ scheme, secrets: [] }, text, nowMs)).toThrow("The source has no secret to sign with");
});
