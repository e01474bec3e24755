import { createSecureContext, type TlsOptions } from "node:tls";
import { describe, expect, test } from "vitest";
import * as odd from "./odd-certificates.ts";
import {
  alert,
  asClient,
  below,
  chain,
  client,
  demands,
  greets,
  host,
  odder,
  old,
  onceAsked,
  outcomes,
  type Peer,
  proper,
  renegotiates,
  root,
  shows,
  speaks,
  start,
  stranger,
  tls12,
  tls13,
} from "./odd-peers.ts";

const { authority, named, rsa, sign } = odd;

// What the peer is, how it is made, and in which words a ConfigurationError says what is wrong with it.
const misconfigured: readonly (readonly [string, () => Promise<Peer> | Peer, string])[] = [
  [
    "a certificate for clients alone",
    () => odder({ extensions: [named(host), odd.forClients] }),
    "serves another purpose",
  ],
  ["a certificate that has expired", () => odder({ to: -0.5 }), "has expired"],
  ["a certificate of tomorrow", () => odder({ from: 1 }), "is not valid yet"],
  ["a certificate for another host", () => odder({ extensions: [named("other.example.com")] }), "for another name"],
  [
    "a certificate for another address",
    async () => ({ ...(await odder({ extensions: [named("127.0.0.2", "ip")] })), secret: { serverName: undefined } }),
    "for another name",
  ],
  [
    "a certificate for an address, where serverName is another one",
    async () => ({ ...(await odder({ extensions: [named("10.1.2.3", "ip")] })), secret: { serverName: "10.1.2.4" } }),
    "for another name",
  ],
  [
    "a certificate with an unknown critical extension",
    () => odder({ extensions: [named(host), odd.unknownExtension] }),
    "critical extension",
  ],
  [
    "a certificate that vouches for itself",
    async () => shows(await sign({ extensions: [named(host)] })),
    "vouches for itself",
  ],
  ["a key of 1024 bits", () => odder({ algorithm: rsa(1_024) }), "is too short"],
  ["a key of 512 bits", () => odder({ algorithm: rsa(512) }), "broke off the handshake"],
  ["an authority with a key of 1024 bits", () => below({ algorithm: rsa(1_024) }), "is too short"],
  ["an authority with a key of 512 bits", () => below({ algorithm: rsa(512) }), "is too short"],
  ["an authority that signs with SHA-1", () => below({ algorithm: rsa(2_048, "SHA-1") }), "an outdated digest"],
  [
    "an authority for other names",
    () => below({ extensions: [authority(), odd.onlyExampleOrg] }),
    "may not vouch for this name",
  ],
  [
    "an authority that we do not know",
    () => shows(proper, { ca: stranger.certificate }),
    "the platform's authority is not in ca",
  ],
  [
    "a private authority where none is configured",
    () => shows(proper, { ca: undefined }),
    "the platform's authority is not in ca",
  ],
  [
    "an unknown authority that it sends along",
    async () => shows(await sign({ issuer: stranger, extensions: [named(host)] }), {}, stranger),
    "the platform's authority is not in ca",
  ],
  [
    "no intermediate certificate",
    async () => {
      const { ca, last } = await chain({});
      return shows(last, { ca });
    },
    "sends no intermediate certificate",
  ],
  [
    "an intermediate certificate for a root",
    async () => {
      const { between, last } = await chain({});
      return shows(last, { ca: between.certificate });
    },
    "the platform's authority is not in ca",
  ],
  ...(
    [
      [
        "one authority more than its root allows",
        {},
        { extensions: [authority(0)] },
        "longer than its authority allows",
      ],
      ["an intermediate certificate that is no authority", { extensions: [] }, {}, "serves another purpose"],
      ["an intermediate certificate that has expired", { to: -0.5 }, {}, "has expired"],
    ] as const
  ).map(
    ([title, oddity, rootOddity, words]) =>
      [
        title,
        async () => {
          const { ca, between, last } = await chain(oddity, rootOddity);
          return shows(last, { ca }, between);
        },
        words,
      ] as const,
  ),
  ["a demand for a client certificate, TLS 1.2", () => demands(tls12), "may demand a client certificate"],
  ["a demand for a client certificate, TLS 1.3", () => demands(tls13), "demands a client certificate"],
  ...([42, 43, 44, 45, 46, 48, 49] as const).map(
    (number) =>
      [`alert ${number}, a refused client certificate`, () => alert(number), "refuses the client certificate"] as const,
  ),
  ["TLS 1.0 alone", () => speaks({ ...old, minVersion: "TLSv1", maxVersion: "TLSv1" }), "neither TLS 1.2 nor 1.3"],
  ["TLS 1.1 alone", () => speaks({ ...old, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }), "neither TLS 1.2 nor 1.3"],
  ["no cipher of ours", () => speaks({ ...tls12, ciphers: "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0" }), "another cipher"],
  ["no such name, alert 112", () => alert(112), "does not know the name"],
  ["an internal error in the handshake, alert 80", () => alert(80), "the TLS handshake failed"],
  ["plain HTTP", () => onceAsked((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")), "speaks no TLS"],
  ["the greeting of SSH", () => greets("SSH-2.0-OpenSSH_9.6\r\n"), "speaks no TLS"],
  ["bytes at random", () => onceAsked((socket) => void socket.write(Buffer.alloc(200, 0xfe))), "speaks no TLS"],
  [
    "a handshake at random",
    () =>
      onceAsked((socket) => void socket.write(Buffer.concat([Buffer.from([22, 3, 3, 0, 100]), Buffer.alloc(100, 7)]))),
    "the TLS handshake failed",
  ],
];

// What the peer is, what it does, and what a change comes to that was its first request.
const broken: readonly (readonly [string, () => Peer, string])[] = [
  ["that never answers a hello", () => ({ raw: (socket) => void socket.resume() }), "PlatformUnavailableError"],
  [
    "that sends half of an answer to it",
    () => onceAsked((socket) => void socket.write(Buffer.from([22, 3, 3]))),
    "PlatformUnavailableError",
  ],
  [
    "that resets the connection",
    () => onceAsked((socket) => void socket.resetAndDestroy()),
    "PlatformUnavailableError",
  ],
  ["that ends the connection at once", () => ({ raw: (socket) => void socket.end() }), "PlatformUnavailableError"],
  [
    "that ends the connection after our hello",
    () => onceAsked((socket) => void socket.end()),
    "PlatformUnavailableError",
  ],
  [
    "that hangs up on our certificate without a word, TLS 1.2",
    () => demands(tls12, asClient(stranger)),
    "PlatformUnavailableError",
  ],
  [
    "that renegotiates for a certificate and hangs up on ours without a word",
    () => renegotiates,
    "OutcomeUnknownError",
  ],
  // Whether the change was read before, nobody can tell from here.
  [
    "that hangs up on our certificate without a word, TLS 1.3",
    () => demands(tls13, asClient(stranger)),
    "OutcomeUnknownError",
  ],
];

test.each(misconfigured)("a platform with %s is a ConfigurationError at each entrance", async (_, peer, words) => {
  const { login, change, status, ahead } = await outcomes(await start(await peer()));
  expect(login).toEqual({ name: "ConfigurationError", message: expect.stringContaining(words) });
  expect(change).toEqual(login);
  expect(ahead).toEqual([change, change, change]);
  expect(status).toEqual(login);
});

test.each(broken)("a platform %s is one that is down", async (_, peer, changed) => {
  // What comes to the same whether the peer or our patience ends it may end soon.
  const timeoutMs = changed === "PlatformUnavailableError" ? 1_000 : undefined;
  const { login, change, status, ahead } = await outcomes(await start(peer()), timeoutMs);
  expect([login.name, status.name]).toEqual(["PlatformUnavailableError", "PlatformUnavailableError"]);
  expect([change, ...ahead].map(({ name }) => name)).toEqual(Array(4).fill(changed));
});

const fine: readonly (readonly [string, () => Promise<Peer> | Peer])[] = [
  ["a proper certificate", () => shows(proper)],
  ["a proper certificate, TLS 1.2 alone", () => speaks(tls12)],
  [
    "its authority among others",
    () => shows(proper, { ca: [stranger, root, client].map((one) => one.certificate).join("\n") }),
  ],
  [
    "its address in the certificate",
    async () => ({ ...(await odder({ extensions: [named("127.0.0.1", "ip")] })), secret: { serverName: undefined } }),
  ],
  [
    "another address in the certificate, which serverName says",
    async () => ({ ...(await odder({ extensions: [named("10.1.2.3", "ip")] })), secret: { serverName: "10.1.2.3" } }),
  ],
  [
    "a certificate that is its own authority",
    async () => {
      const own = await sign({ extensions: [named(host)] });
      return shows(own, { ca: own.certificate });
    },
  ],
  ["a demand that our certificate meets, TLS 1.2", () => demands(tls12, asClient(client))],
  ["a demand that our certificate meets, TLS 1.3", () => demands(tls13, asClient(client))],
];

test.each(fine)("a platform with %s is well at each entrance", async (_, peer) => {
  const { login, change, status, ahead } = await outcomes(await start(await peer()));
  expect([login, change, status, ...ahead].map(({ name }) => name)).toEqual(Array(6).fill("ok"));
});

test("a platform is asked for by its host's name at each entrance, so that a gateway before it can tell", async () => {
  const asked: string[] = [];
  const { certificate, key } = await sign({ issuer: root, extensions: [named("localhost")] });
  const SNICallback: TlsOptions["SNICallback"] = (name, serve) => {
    asked.push(name);
    serve(null, createSecureContext({ cert: certificate, key }));
  };
  const peer = {
    tls: { ...tls13, cert: proper.certificate, key: proper.key, SNICallback },
    secret: { serverName: null },
  };
  const { login, change, status, ahead } = await outcomes(await start(peer, "localhost"));
  expect([login, change, status, ...ahead].map(({ name }) => name)).toEqual(Array(6).fill("ok"));
  expect([...new Set(asked)]).toEqual(["localhost"]);
  expect(asked.length).toBeGreaterThanOrEqual(6);
});

describe("authorities of one name without key identifiers", async () => {
  const twins = await Promise.all([1, 2].map(() => sign({ name: "Twin", extensions: [authority()] })));
  const other = await sign({ name: "Twin", extensions: [authority()], algorithm: rsa(2_048) });
  const all = [...twins, other];

  test.each(
    [0, 1, 2].flatMap(
      (of) =>
        [
          [of, [0, 1, 2]],
          [of, [2, 1, 0]],
          [of, [1, 2, 0]],
        ] as const,
    ),
  )("vouch for what number %d of them signed, listed as %j", async (of, order) => {
    const ca = [root, ...order.map((index) => all[index] ?? root)].map((one) => one.certificate).join("");
    const issuer = all[of];
    if (issuer === undefined) throw new Error("No such twin");
    const credentials = await start(shows(await sign({ issuer, extensions: [named(host)] }), { ca }));
    const { login, change, status, ahead } = await outcomes(credentials);
    expect([login, change, status, ...ahead].map(({ name }) => name)).toEqual(Array(6).fill("ok"));
  });

  test("say so where none of them signed it", async () => {
    const stray = await sign({ name: "Twin", extensions: [authority()] });
    const ca = twins.map((one) => one.certificate).join("");
    const credentials = await start(shows(await sign({ issuer: stray, extensions: [named(host)] }), { ca }));
    const { login, change, status, ahead } = await outcomes(credentials);
    expect(login).toEqual({
      name: "ConfigurationError",
      message: expect.stringContaining("another authority of the same name"),
    });
    expect([change, status, ...ahead]).toEqual(Array(5).fill(login));
  });
});
