import { hmacSha256, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("field-service");

/** Jira Service Management: its webhook of an issue that changed. */
export const jira: Sender = {
  source: "field-service",
  system: "jira-service-management",
  ticketId: "FIELD-17",
  configuration: {
    preset: "jira",
    secrets: [ownSecret],
    when: 'webhookEvent = "jira:issue_updated" and changelog.items[field = "status"].toString = "Replaced"',
    fields: {
      deviceId: "issue.fields.customfield_10010",
      nodeId: "issue.fields.customfield_10011",
      ticketId: "issue.key",
    },
  },
  payload: ({ deviceId, imei }) => ({
    timestamp: Date.now(),
    webhookEvent: "jira:issue_updated",
    issue_event_type_name: "issue_generic",
    issue: {
      id: "10016",
      key: "FIELD-17",
      fields: { status: { name: "Replaced" }, customfield_10010: deviceId, customfield_10011: imei },
    },
    changelog: { id: "10231", items: [{ field: "status", fromString: "Open", toString: "Replaced" }] },
  }),
  headers: (body, deliveryId, secret = ownSecret) => ({
    "X-Hub-Signature": `sha256=${hmacSha256(secret, body).digest("hex")}`,
    "X-Atlassian-Webhook-Identifier": deliveryId,
  }),
};
