import { Sha256 } from "@smithy/core/checksum";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Deployment } from "./deployment.ts";
import { type Line, notTried, ok, red, tried } from "./line.ts";

const clockToleranceMs = 30_000;

/** Tries the HTTP API from outside: who is let in, who is not, and whether both clocks agree. */
export async function verifyApi(deployment: Deployment, sources: readonly string[]): Promise<readonly Line[]> {
  const url = deployment.settings.url ?? deployment.outputs.get("ApiUrl");
  if (url === undefined) return [notTried("HTTP API", "nothing says where it is; name it with --url")];
  return [
    ...(await tried("HTTP API", () => health(url))),
    ...(await tried("a call without a signature", () => unsigned(deployment, url))),
    ...(await tried("a signed call", () => signed(deployment, url))),
    ...(await tried("a webhook that nobody signed", () => unsignedWebhook(url, sources[0] ?? "rekey-verify"))),
  ];
}

async function health(url: string): Promise<Line[]> {
  const sentAtMs = Date.now();
  const response = await ask(`${url}/health`);
  const midMs = (sentAtMs + Date.now()) / 2;
  await response.arrayBuffer();
  if (response.status !== 200) {
    return [red("HTTP API", `GET /health was answered ${response.status}: is ${url} the address of Rekey's API?`)];
  }
  return [ok("HTTP API", url), clock(Date.parse(response.headers.get("date") ?? ""), midMs)];
}

/** The API tells whole seconds. */
function clock(theirsMs: number, oursMs: number): Line {
  const what = "this machine's clock";
  if (Number.isNaN(theirsMs)) return notTried(what, "the API does not tell the time");
  const offMs = oursMs - theirsMs - 500;
  const seconds = Math.round(Math.abs(offMs) / 1000);
  if (Math.abs(offMs) <= clockToleranceMs) return ok(what, `within ${Math.max(1, seconds)} s of the API's`);
  return red(
    what,
    `${seconds} s ${offMs > 0 ? "ahead of" : "behind"} the API's. AWS refuses what is signed 5 minutes off: set it.`,
  );
}

async function unsigned({ settings }: Deployment, url: string): Promise<Line[]> {
  const what = "a call without a signature";
  const { status } = await ask(`${url}/status`);
  if (status === 401 || status === 403) return [ok(what, `refused with ${status}`)];
  if (settings.onThisMachine) return [notTried(what, "on this machine the API asks nobody for a signature")];
  return [
    red(
      what,
      `answered ${status}, and it must be refused: the route has no authorizer. Deploy again, and look at the route GET /status.`,
    ),
  ];
}

async function signed({ settings, outputs, clients }: Deployment, url: string): Promise<Line[]> {
  const what = "a signed call";
  if (outputs.get("Authorizer") === "jwt") {
    return [notTried(what, "callers bring tokens of their issuer (authorizer=jwt), and there is none here")];
  }
  const credentials = clients.functions?.config.credentials ?? clients.secrets?.config.credentials;
  const region = await (clients.functions ?? clients.secrets)?.config.region();
  if (credentials === undefined || region === undefined) return [notTried(what, "no credentials to sign with")];
  const { protocol, hostname, port, pathname, host } = new URL(`${url}/status`);
  const signer = new SignatureV4({ service: "execute-api", region, credentials, sha256: Sha256 });
  const { headers } = await signer.sign({
    ...{ method: "GET", protocol, hostname, path: pathname, headers: { host }, query: {} },
    ...(port === "" ? {} : { port: Number(port) }),
  });
  const { host: _, ...sent } = headers;
  const response = await ask(`${url}/status`, { headers: sent });
  const text = await response.text();
  if ([200, 503].includes(response.status) && settings.onThisMachine)
    return [ok(what, "answered; its signature is not looked at on this machine")];
  if ([200, 503].includes(response.status)) return [ok(what, `answered ${response.status} for the key that signed it`)];
  const help =
    response.status === 403
      ? "Callers need execute-api:Invoke on the API; yours may lack it, or the API belongs to another account or region."
      : "Look at the gateway's log for the reason.";
  return [red(what, `answered ${response.status} ${text.slice(0, 200)}\n${help}`)];
}

async function unsignedWebhook(url: string, source: string): Promise<Line[]> {
  const what = "a webhook that nobody signed";
  const response = await ask(`${url}/webhooks/${source}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const text = await response.text();
  if (response.status === 401) return [ok(what, `refused with 401 (source ${source})`)];
  const help =
    response.status < 300
      ? `It must be refused with 401: nothing guards the source ${source}. Take it out of the webhooks' secret, and report this.`
      : "It must be refused with 401: the line of ticketWebhook's log says what stood in the way.";
  return [red(what, `answered ${response.status} ${text.slice(0, 200)}\n${help}`)];
}

function ask(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(31_000) });
}
