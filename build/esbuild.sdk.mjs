import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { changesOf, exportsOf, seamsOf, whatHelps } from "./sdk-seams.mjs";

/**
 * The SDK's chain of credential providers becomes the one that Lambda serves, the environment: no SSO, no profiles, no
 * metadata service in the bundle (14 ms of a cold start).
 */
export const environmentCredentials = {
  name: "environment-credentials",
  setup(build) {
    build.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: "environment-credentials",
      namespace: "environment-credentials",
    }));
    build.onLoad({ filter: /.*/, namespace: "environment-credentials" }, () => ({
      contents: `
        import { fromEnv } from "@aws-sdk/credential-provider-env";
        export const defaultProvider = () => fromEnv();
      `,
      resolveDir: import.meta.dirname,
      loader: "js",
    }));
  },
};

/** The address that the environment gives, or the service's own in the region's partition; no other kinds of it. */
const addressOf = (service) => `
  import { partition } from "@aws-sdk/core/client";
  export const defaultEndpointResolver = ({ Endpoint, Region, UseFIPS, UseDualStack }) => {
    if (UseFIPS || UseDualStack) {
      const message = "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT are not supported";
      throw Object.assign(new Error(message), { name: "ValidationException" });
    }
    return { url: new URL(Endpoint ?? \`https://${service}.\${Region}.\${partition(Region).dnsSuffix}\`) };
  };
`;

/**
 * What the SDK carries for services, settings and platforms that are none of ours, by the module that holds it, and
 * what stands there in its place. Credentials, retries, signatures, the correction of clocks and HTTP stay the SDK's own;
 * service-client.mjs joins them. Takes 130 kB from each bundle and a third from a cold start.
 */
const notCalled = [
  // The client: its configuration, and a stack of middlewares that is put together anew for each command.
  [/\/client-[a-z-]+\/dist-es\/\w+Client\.js$/, (_source, path) => clientOf(path)],
  [
    /\/client-[a-z-]+\/dist-es\/commandBuilder\.js$/,
    () => `
      export const command = (_endpoint, _middlewares, name) =>
        class {
          name = name;
          constructor(input = {}) {
            this.input = input;
          }
        };
    `,
  ],
  // Schemas of everything a service can say, with codecs for all formats of time, number and blob. We send and read
  // text only, and tell errors apart by name.
  [/\/client-[a-z-]+\/dist-es\/schemas\/schemas_0\.js$/, () => ""],
  [/\/serde\/(date-utils|parse-utils|lazy-json)\.js$/, () => ""],
  // Binary event streams. They are imported dynamically, which would keep all that they share with the rest apart.
  [/\/event-streams\/index\.js$/, () => ""],
  // Regions by name; what is left are the patterns that all of them, and those to come, are matched by, and their domains.
  [/\/util-endpoints\/aws\.js$/, () => ""],
  [/\/util-endpoints\/lib\/aws\/partitions\.js$/, (source) => withoutRegions(source)],
  // Rules by which an address is found, with an interpreter of their own. AWS's endpoints with FIPS or over IPv6 go too.
  [/\/client-[a-z-]+\/dist-es\/endpoint\/endpointResolver\.js$/, (_source, path) => addressOf(serviceOf(path))],
  // How a client's configuration comes by its signer.
  [/\/aws_sdk\/resolveAwsSdkSigV4Config\.js$/, () => "export const bindResolveAwsSdkSigV4Config = () => undefined;"],
  [/\/aws_sdk\/clock-skew-defaults\.js$/, () => "export const DEFAULT_DISABLE_CLOCK_SKEW_CORRECTION = undefined;"],
  // The global object `crypto` is another one than node:crypto, and has to be loaded.
  [
    /\/serde\/uuid\/v4\.js$/,
    () => `
      import { randomUUID } from "node:crypto";
      export const bindV4 = () => randomUUID;
    `,
  ],
  // SHA-256 in JavaScript, for a Node without OpenSSL.
  [/\/sha256\/Sha256Js\.js$/, () => "export const Sha256Js = undefined;"],
  // Limits of time that a client may be given; ours gives up by the call's own signal.
  [/\/node-http-handler\/dist-es\/set-connection-timeout\.js$/, () => "export const setConnectionTimeout = () => -1;"],
  [/\/node-http-handler\/dist-es\/set-request-timeout\.js$/, () => "export const setRequestTimeout = () => -1;"],
  [/\/node-http-handler\/dist-es\/set-socket-timeout\.js$/, () => "export const setSocketTimeout = () => undefined;"],
  // Bodies that are streams, or wait to be asked for.
  [
    /\/node-http-handler\/dist-es\/write-request-body\.js$/,
    () => "export const writeRequestBody = async (request, { body }) => void request.end(body);",
  ],
  // What a client is noted down to use, for AWS: service-client.mjs says it.
  [/\/middleware-user-agent\/check-features\.js$/, () => "export const checkFeatures = () => undefined;"],
  // Binary content.
  [
    /\/util-stream\/blob\/Uint8ArrayBlobAdapter\.js$/,
    () => "// @__NO_SIDE_EFFECTS__\nexport function bindUint8ArrayBlobAdapter() { return class {}; }",
  ],
  // Credentials that end and are asked for anew: those of the environment are read at each call.
  [
    /\/util-identity-and-auth\/memoizeIdentityProvider\.js$/,
    () => "// @__NO_SIDE_EFFECTS__\nexport function createIsIdentityExpiredFunction() {}",
  ],
  // Headers of binary events.
  [/\/signature-v4\/dist-es\/HeaderFormatter\.js$/, () => "export class HeaderFormatter {}"],
  // Streams and blobs of browsers: to ask for their global names is to load them.
  [
    /\/util-stream\/stream-type-check\.js$/,
    () => "export const isReadableStream = () => false;\nexport const isBlob = () => false;",
  ],
  // Of the client's own package.json, its version is told to AWS.
  [/\/client-[a-z-]+\/package\.json$/, (source) => `export default { version: "${JSON.parse(source).version}" };`],
];

/** The client of a service, by what the SDK's says of it. */
function clientOf(path) {
  const source = readFileSync(new URL("runtimeConfig.shared.js", pathToFileURL(path)), "utf8");
  const told = (pattern) => {
    const [, found] = pattern.exec(source) ?? [];
    if (found === undefined) throw new Error(`${path} says nothing like ${pattern}. ${whatHelps}`);
    return found;
  };
  const service = {
    serviceId: told(/serviceId: config\?\.serviceId \?\? "([^"]+)"/),
    target: told(/serviceTarget: "(\w+)"/),
    contentType: `application/x-amz-json-${told(/protocol: config\?\.protocol \?\? AwsJson(\d_\d)Protocol/).replace("_", ".")}`,
    signingName: serviceOf(join(dirname(path), "endpoint/endpointResolver.js")),
  };
  const client = fileURLToPath(new URL("service-client.mjs", import.meta.url));
  return `
    import packageInfo from "../package.json";
    import { defaultEndpointResolver } from "./endpoint/endpointResolver";
    import { ServiceClient } from ${JSON.stringify(client)};
    const service = { ...${JSON.stringify(service)}, version: packageInfo.version, defaultEndpointResolver };
    export class ${basename(path, ".js")} extends ServiceClient {
      constructor(configuration) {
        super(service, configuration);
      }
    }
  `;
}

/** The name that a client's service has in addresses. */
function serviceOf(path) {
  const parameters = readFileSync(new URL("EndpointParameters.js", pathToFileURL(path)), "utf8");
  const [, service] = /defaultSigningName: "(\w+)"/.exec(parameters) ?? [];
  if (service === undefined) throw new Error(`${path} does not say for which service it is. ${whatHelps}`);
  return service;
}

function withoutRegions(source) {
  const { partitions, ...rest } = JSON.parse(source.replace(/^export const partitionsInfo = |;\s*$/g, ""));
  const patterns = partitions.map(({ id, regionRegex, outputs: { dnsSuffix } }) => {
    if (dnsSuffix === undefined) throw new Error(`The partition ${id} has no domain. ${whatHelps}`);
    return { id, regionRegex, outputs: { dnsSuffix }, regions: {} };
  });
  return `export const partitionsInfo = ${JSON.stringify({ ...rest, partitions: patterns })};`;
}

/** Index files name every export of a module; those that nobody uses are gone from the bundle. */
function withAllExports(contents, source) {
  const there = exportsOf(contents);
  const missing = exportsOf(source).filter(
    (name) => /^[\w$]+$/.test(name) && name !== "default" && !there.includes(name),
  );
  return [contents, ...missing.map((name) => `export const ${name} = undefined;`)].join("\n");
}

/**
 * The plugin that puts in place of a module of the SDK what {@link notCalled} says, and what it has replaced so far.
 *
 * @param changesIn says of the seams of a build what is different: each is an error of that build
 */
export function cut(changesIn = changesOf) {
  const replaced = new Map();
  const plugin = {
    name: "sdk-without-what-is-not-called",
    setup(build) {
      const unused = new Set(notCalled.map(([filter]) => filter));
      for (const [filter, replacement] of notCalled) {
        build.onLoad({ filter }, async ({ path }) => {
          unused.delete(filter);
          const source = await readFile(path, "utf8");
          replaced.set(path, source);
          return { contents: withAllExports(replacement(source, path), source), loader: "js" };
        });
      }
      // A newer SDK must not bring a module back, or want more of a replacement, unnoticed.
      build.onEnd(({ metafile }) => {
        const changes = [
          ...[...unused].map((filter) => `There is no module ${filter}`),
          ...(metafile === undefined ? [] : changesIn(seamsOf(replaced, metafile))),
        ];
        return { errors: changes.map((text) => ({ text, notes: [{ text: whatHelps }] })) };
      });
    },
  };
  return { plugin, replaced };
}

/** {@link cut} as the build uses it. */
export const sdkWithoutWhatIsNotCalled = cut().plugin;
