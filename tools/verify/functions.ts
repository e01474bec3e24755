import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import * as z from "zod/mini";
import { serviceStatus } from "../../functions/statusCheck.ts";
import { checkOutput } from "../../functions/ticketWebhook.ts";
import { jsonOf } from "../../shared/json.ts";
import type { Deployment } from "./deployment.ts";
import { type Line, noSuchService, notTried, ok, red } from "./line.ts";

/** What the functions themselves see, and what later checks go by. */
export interface Seen {
  readonly lines: readonly Line[];
  /** The platform answers, with the session's token where there is one. */
  readonly platformWorks: boolean;
  /** Sources of the webhooks' secret by name. */
  readonly sources: readonly string[];
}

/** Asks the functions whether they can read the three secrets and reach the platform; none of it logs in. */
export async function verifyFunctions(deployment: Deployment): Promise<Seen> {
  const { functions } = deployment.clients;
  if (functions === undefined) {
    return { lines: [notTried("functions", noSuchService)], platformWorks: false, sources: [] };
  }
  const status = await statusOf(functions, deployment);
  const webhooks = await webhooksOf(functions, deployment);
  return { ...status, ...webhooks, lines: [...status.lines, ...webhooks.lines] };
}

const parts = {
  secret: [
    "the application's secret",
    "Put right what is wrong in it (docs/OPERATIONS.md, The application secret), or the function's right to read it.",
  ],
  session: [
    "the session's secret",
    "Nobody fills it by hand: it must exist, and the functions must be allowed to read and write it. RenewalLimitedError: another system keeps logging in with this application.",
  ],
  platform: [
    "the platform, by the functions' way",
    "Check route, security group, certificate and the application's standing; docs/OPERATIONS.md, The alarms, has a row for each error.",
  ],
} as const;

async function statusOf(client: LambdaClient, deployment: Deployment) {
  const answer = await invoke(client, deployment, "statusCheck", {});
  const status = serviceStatus.safeParse(answer.result);
  if (!status.success) return { lines: [unusable("statusCheck", answer)], platformWorks: false };
  const { data } = status;
  const names = ["secret", "session", "platform"] as const;
  const lines = names.map((name) => {
    const [what, help] = parts[name];
    const { ok: isWell, ms, error = "" } = data[name];
    if (isWell) return ok(what, `${ms} ms`);
    // Without its address and password the platform cannot even be asked.
    if (name === "platform" && !data.secret.ok) return notTried(what, "the application's secret comes first");
    return red(what, [`${error}${causeOf(answer.log, error, { part: name })}`, help].join("\n"));
  });
  return { lines, platformWorks: data.ok };
}

async function webhooksOf(client: LambdaClient, deployment: Deployment) {
  const what = "the webhooks' secret";
  const answer = await invoke(client, deployment, "ticketWebhook", { check: true });
  const check = checkOutput.safeParse(answer.result);
  if (!check.success) return { lines: [unusable("ticketWebhook", answer, what)], sources: [] };
  const sources = Object.entries(check.data.sources);
  const faulty = sources.filter(([, source]) => !source.ok);
  const told = faulty.map(([name, { faults = [] }]) =>
    red(
      `${what}, source ${name}`,
      `${faults.map(({ path, message }) => `${path} ${message}`.trim()).join("; ")}\nPut it right; until then its deliveries are refused (docs/tickets.md).`,
    ),
  );
  const names = sources.map(([name]) => name);
  const lines = told.length > 0 ? told : [ok(what, names.length === 0 ? "no sources" : `sources ${names.join(", ")}`)];
  return { lines, sources: names };
}

interface Answer {
  readonly result: unknown;
  /** What Lambda says when the function failed: absent, or such as `Unhandled`. */
  readonly failed: string | undefined;
  readonly log: string;
}

async function invoke(client: LambdaClient, { settings }: Deployment, name: string, input: object): Promise<Answer> {
  const { Payload, FunctionError, LogResult } = await client.send(
    new InvokeCommand({
      FunctionName: `rekey-${settings.stage}-${name}`,
      Payload: JSON.stringify(input),
      LogType: "Tail",
    }),
  );
  return {
    result: Payload === undefined ? undefined : jsonOf(Payload.transformToString()),
    failed: FunctionError,
    log: Buffer.from(LogResult ?? "", "base64").toString("utf8"),
  };
}

const thrown = z.object({ errorType: z.string(), errorMessage: z.string() });

function unusable(name: string, { result, failed, log }: Answer, what = `the function ${name}`): Line {
  const error = thrown.safeParse(result);
  if (failed === undefined || !error.success) {
    return red(what, `An answer of a shape that is not ${name}'s: is another version deployed? Deploy again.`);
  }
  const { errorType, errorMessage } = error.data;
  const help =
    errorType === "ConfigurationError"
      ? "Put right what is wrong in the secret, or the function's right to read it (docs/OPERATIONS.md)."
      : `docs/api.md says what ${errorType} wants; the log of ${name} has the cause.`;
  return red(what, `${errorType}: ${errorMessage}${causeOf(log, errorType, { known: errorMessage })}\n${help}`);
}

const logged = z.looseObject({
  /** Of an invocation that threw. */
  error: z.optional(z.string()),
  /** Of a part of the status. */
  outcome: z.optional(z.string()),
  part: z.optional(z.string()),
  detail: z.optional(z.string()),
  field: z.optional(z.string()),
  cause: z.optional(z.string()),
});

/** What a line of the log is of, and what is said of it already. */
interface Asked {
  /** Of the status; absent: the whole invocation. */
  readonly part?: string;
  readonly known?: string;
}

/** What the function's own log says of an error, as far as Lambda hands its end out. */
function causeOf(log: string, error: string, { part, known }: Asked): string {
  // An answer does not show a bug's own name, nor does the log take it for a name of ours.
  const outcome = error === "InternalError" ? "UnexpectedError" : error;
  for (const text of log.split("\n")) {
    const line = logged.safeParse(jsonOf(text.slice(Math.max(0, text.indexOf("{")))));
    if (!line.success || line.data.part !== part) continue;
    const said = line.data.error ?? line.data.outcome;
    // A bug stands there with its message.
    if (said !== outcome && said?.startsWith(`${outcome}: `) !== true) continue;
    const { detail, field, cause } = line.data;
    const news = [detail, field, cause].filter((one) => one !== undefined && one !== "" && one !== known);
    return news.map((one) => `: ${one}`).join("");
  }
  return "";
}
