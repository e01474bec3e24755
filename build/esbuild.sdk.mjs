import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
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

/** The protocol of the two services we call: JSON in, JSON out, the error's name in `__type`. */
const awsJson = `
  import { HttpRequest } from "@smithy/core/transport";
  export class AwsJsonRpcProtocol {
    constructor({ serviceTarget }) {
      this.serviceTarget = serviceTarget;
    }
    setSerdeContext() {}
    async serializeRequest({ name }, input, { endpoint }) {
      const headers = {
        "content-type": this.getDefaultContentType(),
        "x-amz-target": \`\${this.serviceTarget}.\${name}\`,
      };
      return new HttpRequest({ ...(await endpoint()), method: "POST", headers, body: JSON.stringify(input) });
    }
    async deserializeResponse(operation, { streamCollector }, { statusCode, headers, body }) {
      const bytes = await streamCollector(body);
      const reply = bytes.byteLength === 0 ? {} : JSON.parse(Buffer.from(bytes).toString());
      const $metadata = { httpStatusCode: statusCode, requestId: headers["x-amzn-requestid"] };
      if (statusCode < 300) return { ...reply, $metadata };
      const type = String(reply.__type ?? reply.code ?? headers["x-amzn-errortype"] ?? "Unknown");
      const name = type.split(/[,:]/)[0].replace(/^.*#/, "");
      const $fault = statusCode < 500 ? "client" : "server";
      throw Object.assign(new Error(reply.message ?? reply.Message ?? "UnknownError"), { name, $fault, $metadata });
    }
  }
`;

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

/** What goes out of a client's schemas, each of which must be there. */
const withoutShapes = [
  [/^(const \w+_registry = )new TypeRegistry\(.*$/gm, "$1undefined;"],
  [/^\w+_registry\.registerError\(.*$/gm, ""],
  [/^(export var \w+\$ = \[9, [^\]]*), \(\) => \w+\$, \(\) => \w+\$\s*\]/gm, '$1, "unit", "unit"]'],
  // Their names are computed, by which the bundler takes those that nobody uses for needed.
  [/^export var (\w+\$) = (\[[\s\S]*?\]);$/gm, "export var $1 = /* @__PURE__ */ (() => $2)();"],
];

/**
 * What the SDK carries for services, settings and platforms that are none of ours, by the module that holds it, and
 * what stands there in its place. Clients, commands, retries, signatures, and nearly all settings by
 * environment stay the SDK's own. Takes 100 kB from each bundle and a quarter from a cold start.
 */
const notCalled = [
  // Schemas of everything a service can say, with codecs for all formats of time, number and blob. We send and read
  // text only.
  [/\/protocols\/json\/AwsJsonRpcProtocol\.js$/, () => awsJson],
  [/\/serde\/(date-utils|parse-utils|lazy-json)\.js$/, () => ""],
  // Binary event streams. They are imported dynamically, which would keep all that they share with the rest apart.
  [/\/event-streams\/index\.js$/, () => ""],
  // The length of files and streams; what we send is text.
  [
    /\/util-body-length\/calculateBodyLength\.js$/,
    () => "export const calculateBodyLength = (text) => Buffer.byteLength(text);",
  ],
  // What is logged with a logger, which no client of ours has, and whether a command streams events, which none does.
  [/\/smithy-client\/schemaLogFilter\.js$/, () => "export const schemaLogFilter = () => undefined;"],
  [
    /\/schema\/schemas\/NormalizedSchema\.js$/,
    () => "export class NormalizedSchema { static of() { return { getEventStreamMember: () => '' }; } }",
  ],
  // A class for every error, which we tell apart by name, and the shapes of what is said and answered.
  [
    /\/client-[a-z-]+\/dist-es\/schemas\/schemas_0\.js$/,
    (source, path) => {
      let text = source;
      for (const [pattern, by] of withoutShapes) {
        if (!pattern.test(text)) throw new Error(`${path} has nothing like ${pattern}. ${whatHelps}`);
        text = text.replace(pattern, by);
      }
      return text;
    },
  ],
  // Profiles and credentials in files: Lambda has none.
  [
    /\/shared-ini-file-loader\/loadSharedConfigFiles\.js$/,
    () => "export const loadSharedConfigFiles = async () => ({ configFile: {}, credentialsFile: {} });",
  ],
  // The region of a virtual machine: Lambda tells it by environment.
  [
    /\/regionConfig\/getInstanceMetadataRegion\.js$/,
    () => "export const getInstanceMetadataRegion = async () => undefined;",
  ],
  // A warning about a Node that is older than ours.
  [
    /\/submodules\/client\/emitWarningIfUnsupportedVersion\.js$/,
    () => "export const emitWarningIfUnsupportedVersion = () => undefined;",
  ],
  // Regions by name; what is left are the patterns that all of them, and those to come, are matched by, and their domains.
  [/\/util-endpoints\/aws\.js$/, () => ""],
  [/\/util-endpoints\/lib\/aws\/partitions\.js$/, (source) => withoutRegions(source)],
  // Rules by which an address is found, with an interpreter of their own. AWS's endpoints with FIPS or over IPv6 go too.
  [/\/client-[a-z-]+\/dist-es\/endpoint\/endpointResolver\.js$/, (_source, path) => addressOf(serviceOf(path))],
  [
    /\/client-[a-z-]+\/dist-es\/runtimeExtensions\.js$/,
    () => "export const resolveRuntimeExtensions = (config) => config;",
  ],
  // Buckets.
  [/\/service-customizations\/s3\.js$/, () => "export const resolveParamsForS3 = async (parameters) => parameters;"],
  [/\/lib\/aws\/isVirtualHostableS3Bucket\.js$/, () => "export const isVirtualHostableS3Bucket = () => false;"],
  // SHA-256 in JavaScript, for a Node without OpenSSL.
  [/\/sha256\/Sha256Js\.js$/, () => "export const Sha256Js = undefined;"],
  // Retries that adapt to a rate (AWS_RETRY_MODE=adaptive): the standard ones do.
  [
    /\/util-retry\/AdaptiveRetryStrategy\.js$/,
    () => 'export { StandardRetryStrategy as AdaptiveRetryStrategy } from "./StandardRetryStrategy";',
  ],
  // A trace header against functions that call each other in a circle, which these services cannot.
  [
    /\/middleware-recursion-detection\/recursionDetectionMiddleware\.js$/,
    () => "export const recursionDetectionMiddleware = () => (next) => next;",
  ],
  [/\/middleware-logger\/loggerMiddleware\.js$/, () => "export const getLoggerPlugin = () => ({ applyToStack() {} });"],
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
