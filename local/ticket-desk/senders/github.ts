import { hmacSha256, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("repository");

/** GitHub: an issue that was labelled. */
export const github: Sender = {
  source: "repository",
  system: "github",
  ticketId: "7",
  configuration: {
    preset: "github",
    secrets: [ownSecret],
    when: 'action = "labeled" and label.name = "replaced"',
    fields: {
      deviceId: "$match(issue.body, /Device: *(\\S+)/)[0].groups[0]",
      nodeId: "$match(issue.body, /New IMEI: *(\\d{15})/)[0].groups[0]",
      ticketId: "issue.number",
    },
    imei: "urn",
  },
  payload: ({ deviceId, imei }) => ({
    action: "labeled",
    label: { id: 1362934389, name: "replaced", color: "ededed" },
    issue: {
      number: 7,
      title: "Meter dead",
      updated_at: new Date().toISOString(),
      body: `It does not answer.\nDevice: ${deviceId}\nNew IMEI: ${imei}\n`,
    },
    repository: { full_name: "acme/devices" },
    sender: { login: "ines" },
  }),
  headers: (body, deliveryId, secret = ownSecret) => ({
    "X-Hub-Signature-256": `sha256=${hmacSha256(secret, body).digest("hex")}`,
    "X-GitHub-Event": "issues",
    "X-GitHub-Delivery": deliveryId,
  }),
};
