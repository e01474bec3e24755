import type { RekeyError } from "../errors.ts";
import { valueAt } from "../json.ts";
import type { HmacScheme, SharedSecretScheme } from "./scheme.ts";
import { type Headers, headerValue } from "./verify.ts";

/** What we know of a sender beyond its signature: beside each stands the sender's page that says so. */
export interface Preset {
  /** Fixed for a sender; null where the configuration writes it out (`shared-secret`, `hmac`). */
  readonly scheme: HmacScheme | null;
  /** `result`: the sender reads our answer, so the code may stand in it. `ack`: it stores it, so never. */
  readonly reply: "ack" | "result";
  /**
   * Header with the delivery's id, the same on every repeat; null when the sender has none. Nobody signs it (but Standard
   * Webhooks), so it may tell that two deliveries are one, and never that they are two.
   */
  readonly deliveryIdHeader: string | null;
  /** Our whole answer is there within this time: the sender's own limit, less the way and a cold start. */
  readonly answerWithinMs: number;
  /** How the sender takes an answer that is no success. */
  readonly onRefusal: Refusal;
  /** Whether this is the sender's own test call, which wants a 2xx and nothing else. */
  readonly isPing: (headers: Headers, payload: unknown) => boolean;
}

/** How a sender reacts to a status; decides which status it may see for what. */
export interface Refusal {
  /** Statuses after which the sender repeats by itself; "every" is every one but 2xx, "none" none at all. */
  readonly repeatsOn: readonly number[] | "every" | "none";
  /** What a final refusal of a well-signed delivery is answered with, where its own status would be repeated or punished. */
  readonly finalStatus: 200 | 422;
  /** Whether any 4xx at all counts against the subscription. */
  readonly punishes4xx: boolean;
}

const hmacSha256 = {
  kind: "hmac",
  algorithm: "sha256",
  encoding: "hex",
  prefix: "",
  separator: null,
  key: "utf8",
  signed: "{body}",
  idHeader: null,
  timestamp: null,
  windowSeconds: 300,
  event: "body",
} as const;

// Retry-After over a minute is not heeded by all who heed it at all.
const longestRetryAfterSeconds = 55;

const readsAndDecides: Refusal = { repeatsOn: "none", finalStatus: 422, punishes4xx: false };
const never = () => false;

/** The names that a source's configuration may give as its preset. */
export const presetNames = [
  "zendesk",
  "jira",
  "pagerduty",
  "github",
  "linear",
  "standard-webhooks",
  "shared-secret",
  "hmac",
] as const;

/** Name of a preset, as a source's configuration gives it. */
export type PresetName = (typeof presetNames)[number];

/** Every sender we know, as data; a new one is one more entry here, its vectors in the test and a row in docs/tickets.md. */
export const presets: Readonly<Record<PresetName, Preset>> = {
  // https://developer.zendesk.com/documentation/webhooks/verifying/
  zendesk: {
    scheme: {
      ...hmacSha256,
      header: "X-Zendesk-Webhook-Signature",
      encoding: "base64",
      signed: "{timestamp}{body}",
      timestamp: { in: "header", name: "X-Zendesk-Webhook-Signature-Timestamp", unit: "iso" },
      // A trigger's author writes the body, so that two events may say the same.
      event: "time",
    },
    reply: "ack",
    deliveryIdHeader: "X-Zendesk-Webhook-Invocation-Id",
    answerWithinMs: 8_600,
    // 429 and 503 are repeated only when they say Retry-After, under 60 s; 409 up to three times, whatever it meant.
    onRefusal: { repeatsOn: [409, 429, 503], finalStatus: 422, punishes4xx: false },
    isPing: never,
  },
  // https://developer.atlassian.com/cloud/jira/platform/webhooks/
  jira: {
    scheme: { ...hmacSha256, header: "X-Hub-Signature", prefix: "sha256=" },
    reply: "ack",
    deliveryIdHeader: "X-Atlassian-Webhook-Identifier",
    answerWithinMs: 8_600,
    onRefusal: { repeatsOn: [408, 409, 425, 429, 500, 502, 503, 504], finalStatus: 422, punishes4xx: false },
    isPing: never,
  },
  // https://developer.pagerduty.com/docs, "Webhooks"
  pagerduty: {
    scheme: { ...hmacSha256, header: "X-PagerDuty-Signature", prefix: "v1=", separator: "," },
    reply: "ack",
    deliveryIdHeader: "X-Webhook-Id",
    answerWithinMs: 4_200,
    // Three 4xx in a row switch the subscription off for a day, so it never sees one for a delivery that is its own.
    onRefusal: { repeatsOn: [429, 500, 502, 503, 504], finalStatus: 200, punishes4xx: true },
    isPing: (_headers, payload) => valueAt(payload, ["event", "event_type"]) === "pagey.ping",
  },
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
  github: {
    scheme: { ...hmacSha256, header: "X-Hub-Signature-256", prefix: "sha256=" },
    reply: "ack",
    deliveryIdHeader: "X-GitHub-Delivery",
    answerWithinMs: 8_600,
    onRefusal: { repeatsOn: "none", finalStatus: 422, punishes4xx: false },
    isPing: (headers) => headerValue(headers, "X-GitHub-Event") === "ping",
  },
  // https://linear.app/developers/webhooks
  linear: {
    scheme: {
      ...hmacSha256,
      header: "Linear-Signature",
      timestamp: { in: "field", name: "webhookTimestamp", unit: "ms" },
      windowSeconds: 60,
    },
    reply: "ack",
    deliveryIdHeader: "Linear-Delivery",
    answerWithinMs: 4_200,
    onRefusal: { repeatsOn: "every", finalStatus: 200, punishes4xx: true },
    isPing: never,
  },
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  "standard-webhooks": {
    scheme: {
      ...hmacSha256,
      header: "webhook-signature",
      encoding: "base64",
      prefix: "v1,",
      separator: " ",
      key: "whsec",
      signed: "{id}.{timestamp}.{body}",
      idHeader: "webhook-id",
      timestamp: { in: "header", name: "webhook-timestamp", unit: "s" },
      event: "id",
    },
    reply: "ack",
    deliveryIdHeader: "webhook-id",
    answerWithinMs: 13_000,
    onRefusal: { repeatsOn: "every", finalStatus: 200, punishes4xx: true },
    isPing: never,
  },
  "shared-secret": {
    scheme: null,
    reply: "result",
    deliveryIdHeader: null,
    answerWithinMs: 18_000,
    onRefusal: readsAndDecides,
    isPing: never,
  },
  hmac: {
    scheme: null,
    reply: "ack",
    deliveryIdHeader: null,
    answerWithinMs: 8_600,
    onRefusal: readsAndDecides,
    isPing: never,
  },
};

/** Where a shared secret stands when the configuration does not say. */
export const sharedSecretDefaults: SharedSecretScheme = {
  kind: "shared-secret",
  header: "X-Rekey-Secret",
  prefix: "",
  user: null,
};

/** What `hmac` takes for a setting that the configuration leaves out. */
export const hmacDefaults = hmacSha256;

/**
 * The error as this sender shall see it for a delivery that is its own: what is final with a status that it neither
 * repeats nor punishes, what may pass with one that it repeats where it repeats anything.
 *
 * A fault of ours (5xx) is never final to a sender: until it repeats, somebody may have mended the configuration.
 */
export function asSenderSees(error: RekeyError, { onRefusal }: Preset): RekeyError {
  const { repeatsOn, punishes4xx, finalStatus } = onRefusal;
  const { status, retryable } = error;
  const repeated = repeatsOn === "every" || (repeatsOn !== "none" && repeatsOn.includes(status));
  const retryAfterSeconds = Math.min(error.retryAfterSeconds ?? 5, longestRetryAfterSeconds);
  if (retryable || status >= 500) {
    return error.with({ status: repeated || repeatsOn === "none" ? status : 503, retryAfterSeconds });
  }
  return repeated || punishes4xx ? error.with({ status: finalStatus }) : error;
}
