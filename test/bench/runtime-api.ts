import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "../../local/listener.ts";

/** The Runtime API of one container: what AWS's runtime client asks for work and gives its answers to. */
export interface RuntimeApi {
  /** Host and port, for `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /**
   * Hands out an event as soon as the container asks for one.
   *
   * @throws Error with what the container reported in place of an answer
   */
  invoke(event: object): Promise<unknown>;
  close(): Promise<void>;
}

interface Work {
  readonly event: object;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

const longestMs = 20_000;

/** Starts one on loopback. @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
export async function startRuntimeApi(): Promise<RuntimeApi> {
  const waiting: Work[] = [];
  const underWay = new Map<string, Work>();
  let asking: ServerResponse | undefined;

  const handOut = () => {
    if (asking === undefined || waiting.length === 0) return;
    const work = waiting.shift();
    const response = asking;
    asking = undefined;
    if (work === undefined) return;
    const id = randomUUID();
    underWay.set(id, work);
    response.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": id,
      "lambda-runtime-deadline-ms": String(Date.now() + longestMs),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:contender",
    });
    response.end(JSON.stringify(work.event));
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, id = "", kind = ""] = /invocation\/([^/]+)\/?(\w*)$/.exec(request.url ?? "") ?? [];
    if (id === "next") {
      asking = response;
      handOut();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    response.writeHead(202, { "content-type": "application/json" }).end('{"status":"OK"}');
    const work = underWay.get(id) ?? waiting.shift();
    underWay.delete(id);
    if (kind === "response") work?.resolve(JSON.parse(text));
    else work?.reject(new Error(`The container reports: ${text.slice(0, 500)}`));
  }

  const server = await listen((request, response) => void serve(request, response));
  return {
    address: server.url.replace("http://", ""),
    invoke: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        handOut();
      }),
    close: () => server.down(),
  };
}
