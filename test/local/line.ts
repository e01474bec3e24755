import { once } from "node:events";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";

/** What a line to an endpoint does to a request: `mute` takes it and never answers, `cut` refuses the connection. */
export type Fate = "through" | "cut" | "mute" | { readonly status: number; readonly body: string };

/** A line between a client and an endpoint, which does to requests what a network or a credential's end does. */
export interface Line {
  readonly url: string;
  set(fate: Fate): Promise<void>;
  close(): Promise<void>;
}

/** Opens a line to an endpoint. */
export async function openLine(endpoint: string): Promise<Line> {
  let fate: Fate = "through";
  const server = createServer((request, response) => {
    if (typeof fate === "object") {
      request.resume();
      response.writeHead(fate.status).end(fate.body);
    } else if (fate === "through") pass(request, response, endpoint);
  });
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const cut = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  await listen(0);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async set(next) {
      fate = next;
      if (next === "cut") await cut();
      else if (!server.listening) await listen(port);
    },
    close: cut,
  };
}

function pass(request: IncomingMessage, response: ServerResponse, endpoint: string): void {
  const { method, headers, url = "/" } = request;
  const onward = forward(new URL(url, endpoint), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}
