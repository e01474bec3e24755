import { createDefaultUserAgentProvider, userAgentMiddleware } from "@aws-sdk/core/client";
import { AwsSdkSigV4Signer } from "@aws-sdk/core/httpAuthSchemes";
import { fromEnv } from "@aws-sdk/credential-provider-env";
import { Sha256 } from "@smithy/core/checksum";
import { retryMiddleware, StandardRetryStrategy } from "@smithy/core/retry";
import { HttpRequest, isValidHostLabel, toEndpointV1 } from "@smithy/core/transport";
import { NodeHttpHandler, streamCollector } from "@smithy/node-http-handler";
import { SignatureV4 } from "@smithy/signature-v4";

const { env } = process;

/**
 * The client of a service that speaks JSON (build/esbuild.sdk.mjs puts it in the place of the SDK's): the SDK's own
 * retries, signatures, clock correction and HTTP, one after the other, in place of the stack of middlewares that the
 * SDK puts together anew for each command. test/build compares what it sends and what it makes of answers with the SDK.
 */
export class ServiceClient {
  #service;
  #handler = new NodeHttpHandler();
  #given;
  #config;

  /**
   * @param service what the SDK's client says of its service
   * @param given `maxAttempts` and `endpoint`, as to the SDK's client; all else comes from the environment
   */
  constructor(service, given = {}) {
    this.#service = service;
    this.#given = given;
  }

  async send({ name, input }, options = {}) {
    this.#config ??= configOf(this.#service, this.#given);
    const config = this.#config;
    const { contentType, target } = this.#service;
    const identity = await config.credentials();
    // For AWS's statistics, in the SDK's own letters and order.
    const features = {
      ...(config.isCustomEndpoint ? { ENDPOINT_OVERRIDE: "N" } : {}),
      RETRY_MODE_STANDARD: "E",
      ...(identity.accountId ? { RESOLVED_ACCOUNT_ID: "T" } : {}),
      ...identity.$source,
    };
    const { abortSignal } = options;
    const context = { __smithy_context: { abortSignal, features, selectedHttpAuthScheme: { identity } } };
    const body = JSON.stringify(input);
    const { hostname, port } = config.endpoint;
    const request = new HttpRequest({
      ...config.endpoint,
      method: "POST",
      headers: {
        "content-type": contentType,
        "x-amz-target": `${target}.${name}`,
        "content-length": String(Buffer.byteLength(body)),
        host: port === undefined ? hostname : `${hostname}:${port}`,
        ...traceOf(env),
      },
      body,
    });
    const attempt = async ({ request: unsigned }) => {
      const properties = { config, context, signingName: config.signingName, signingRegion: config.region };
      const signed = await signer.sign(unsigned, identity, properties);
      try {
        const { response } = await this.#handler.handle(signed, options);
        const output = await outputOf(response);
        signer.successHandler(response, properties);
        return { response, output };
      } catch (error) {
        return signer.errorHandler(properties)(error);
      }
    };
    const withRetries = userAgentMiddleware(config)(retryMiddleware(config)(attempt, context), context);
    return (await withRetries({ request })).output;
  }

  destroy() {
    this.#handler.destroy();
  }
}

const signer = new AwsSdkSigV4Signer();

/** By this AWS sees a trace, and a loop of functions, where Lambda's runtime says which invocation it is. */
function traceOf({ AWS_LAMBDA_FUNCTION_NAME: name, _X_AMZN_TRACE_ID: trace }) {
  return name && trace ? { "X-Amzn-Trace-Id": trace } : {};
}

/** What the environment and whoever makes the client say. */
function configOf({ serviceId, signingName, version, defaultEndpointResolver }, { maxAttempts, endpoint }) {
  const region = env.AWS_REGION;
  if (region === undefined) throw new Error("Region is missing");
  if (!isValidHostLabel(region)) {
    throw new Error(`Region not accepted: region="${region}" is not a valid hostname component.`);
  }
  const suffix = serviceId.toUpperCase().replaceAll(" ", "_");
  const Endpoint = endpoint ?? (env[`AWS_ENDPOINT_URL_${suffix}`] || env.AWS_ENDPOINT_URL || undefined);
  const UseFIPS = env.AWS_USE_FIPS_ENDPOINT === "true" || /^fips-|-fips$/.test(region);
  const UseDualStack = env.AWS_USE_DUALSTACK_ENDPOINT === "true";
  const { url } = defaultEndpointResolver({ Region: region, Endpoint, UseFIPS, UseDualStack });
  const attempts = maxAttempts ?? (Number.parseInt(env.AWS_MAX_ATTEMPTS, 10) || 3);
  const strategy = new StandardRetryStrategy({ maxAttempts: attempts });
  const credentials = fromEnv();
  const v4 = new SignatureV4({ credentials, region, service: signingName, sha256: Sha256 });
  return {
    region,
    signingName,
    credentials,
    endpoint: toEndpointV1({ url }),
    isCustomEndpoint: Endpoint !== undefined,
    maxAttempts: async () => attempts,
    retryStrategy: async () => strategy,
    systemClockOffset: 0,
    disableClockSkewCorrection: async () => env.AWS_DISABLE_CLOCK_SKEW_CORRECTION === "true",
    signer: async () => v4,
    defaultUserAgentProvider: createDefaultUserAgentProvider({ serviceId, clientVersion: version }),
    userAgentAppId: async () => env.AWS_SDK_UA_APP_ID,
  };
}

/** What an answer says. @throws Error by the service's name for it */
async function outputOf(response) {
  const { statusCode, headers, body } = response;
  const $metadata = { httpStatusCode: statusCode, requestId: headers["x-amzn-requestid"] };
  try {
    const bytes = await streamCollector(body);
    const reply = bytes.byteLength === 0 ? {} : JSON.parse(Buffer.from(bytes).toString());
    if (statusCode < 300) return { ...reply, $metadata };
    const type = String(reply.__type ?? reply.code ?? headers["x-amzn-errortype"] ?? "Unknown");
    const name = type.split(/[,:]/)[0].replace(/^.*#/, "");
    const $fault = statusCode < 500 ? "client" : "server";
    throw Object.assign(new Error(reply.message ?? reply.Message ?? "UnknownError"), { name, $fault, $metadata });
  } catch (error) {
    // Where it tells when to come again.
    Object.defineProperty(error, "$response", { value: response });
    if (error.$metadata === undefined) {
      error.message += `\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.`;
      error.$metadata = $metadata;
    }
    throw error;
  }
}
