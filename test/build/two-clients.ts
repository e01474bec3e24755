import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build } from "esbuild";

const repository = join(import.meta.dirname, "../..");

/** A client of the SDK, as far as it is used here. */
export interface Client {
  send(command: object, options?: { readonly abortSignal?: AbortSignal }): Promise<object>;
  destroy(): void;
}

type Make<Result> = new (input: object) => Result;

/** What a bundle of both clients exports. */
export interface Clients {
  readonly [name: string]: Make<Client> & Make<object>;
}

/** Both clients in one bundle, with the SDK cut as it is deployed, or whole. */
export async function bundleClients(isCut: boolean): Promise<Clients> {
  const configuration = "../../build/esbuild.config.mjs";
  const { builds }: { builds: readonly [BuildOptions, BuildOptions] } = await import(configuration);
  const { platform = "node", format = "esm", mainFields = [], conditions = [], target = "node24" } = builds[0];
  const plugins = (builds[0].plugins ?? []).filter(({ name }) => isCut || name.startsWith("builtins"));
  const contents = `
    export * from "@aws-sdk/client-secrets-manager";
    export { SFNClient, StartExecutionCommand, DescribeExecutionCommand } from "@aws-sdk/client-sfn";
  `;
  const { outputFiles } = await build({
    ...{ absWorkingDir: repository, stdin: { contents, resolveDir: repository, loader: "js" }, write: false },
    ...{ bundle: true, metafile: true, platform, format, mainFields, conditions, target, plugins },
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("file:///");' },
  });
  const folder = await mkdtemp(join(tmpdir(), "rekey-sdk-"));
  const file = join(folder, "clients.mjs");
  await writeFile(file, outputFiles[0]?.text ?? "");
  const clients = (await import(pathToFileURL(file).href)) as Clients;
  await rm(folder, { recursive: true });
  return clients;
}

/** How the endpoint takes one request. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is not text is sent as JSON. */
  readonly body?: unknown;
  /** `reset` ends the connection before an answer, `cut` amid one, `hang` never answers. */
  readonly instead?: "reset" | "cut" | "hang";
}

/** A request as it arrived, without what is another one each time. */
export interface Arrived {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** How far the signature's time is ahead of this machine's, in whole minutes. */
  readonly aheadMinutes: number;
}

/** An endpoint of a service that answers one request after the other as it is told, the last reply again and again. */
export async function startEndpoint() {
  let replies: readonly Reply[] = [];
  let arrived: Arrived[] = [];
  let first = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const reply = replies[Math.min(arrived.length, replies.length - 1)] ?? {};
    arrived.push(seen(request, Buffer.concat(chunks).toString()));
    first.resolve();
    answer(request, response, reply);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** What happens next; forgets what has arrived before. */
    will(...next: readonly Reply[]): void {
      replies = next;
      arrived = [];
      first = Promise.withResolvers();
    },
    /** Resolves once a request has arrived since {@link will}. */
    firstArrival: () => first.promise,
    arrived: () => arrived,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const { status = 200, headers = {}, body = {}, instead } = reply;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  if (instead === "hang") return;
  if (instead === "reset") return void request.socket.destroy();
  response.writeHead(status, {
    ...{ "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "request-1" },
    ...{ "content-length": Buffer.byteLength(text), ...headers },
  });
  if (instead !== "cut") return void response.end(text);
  response.write(text.slice(0, Math.floor(text.length / 2)), () => request.socket.destroy());
}

function seen({ method, url, headers }: IncomingMessage, body: string): Arrived {
  const told = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const { "x-amz-date": date = "", authorization = "", host: _, "amz-sdk-invocation-id": __, ...rest } = told;
  const time = date.replace(/(....)(..)(..T..)(..)(..Z)/, "$1-$2-$3:$4:$5");
  return {
    ...{ method, url, body: JSON.parse(body) as unknown },
    headers: { ...rest, authorization: authorization.replace(/\d{8}\/|Signature=.*/g, "") },
    aheadMinutes: Math.round((Date.parse(time) - Date.now()) / 60_000) || 0,
  };
}
