import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { describe, expect, test } from "vitest";

// The bundles hold a cut SDK; what it was cut down to must say what the whole one says.

type Resolve = (parameters: { Region: string; Endpoint?: string; UseFIPS: boolean; UseDualStack: boolean }) => {
  url: URL;
};

const repository = join(import.meta.dirname, "../..");

/** The endpoint resolver of a client, cut or whole. */
async function resolverOf(client: string, cut: boolean): Promise<Resolve> {
  const configuration = "../../build/esbuild.config.mjs";
  const { builds }: { builds: readonly [BuildOptions, BuildOptions] } = await import(configuration);
  const { platform = "node", format = "esm", mainFields = [], conditions = [], plugins = [] } = builds[0];
  const shared = { platform, format, mainFields, conditions };
  const contents = `
    export { defaultEndpointResolver } from "./node_modules/@aws-sdk/${client}/dist-es/endpoint/endpointResolver.js";
    export * from "entry:ticketWebhook";
  `;
  const { outputFiles } = await build({
    absWorkingDir: repository,
    stdin: { contents, resolveDir: repository, loader: "js" },
    ...shared,
    plugins: plugins.filter(({ name }) => cut || name === "entries"),
    bundle: true,
    write: false,
  });
  const text = outputFiles[0]?.text ?? "";
  const module = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
  return module.defaultEndpointResolver;
}

describe.each(["client-secrets-manager", "client-sfn"])("the cut %s", (client) => {
  test("finds the address that the whole one finds", async () => {
    const [cut, whole] = await Promise.all([resolverOf(client, true), resolverOf(client, false)]);
    const regions = ["eu-central-1", "us-east-1", "xx-new-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"];
    for (const Region of regions) {
      const parameters = { Region, UseDualStack: false, UseFIPS: false };
      expect(cut(parameters).url.href).toBe(whole(parameters).url.href);
    }
    const given = { Region: "eu-central-1", Endpoint: "http://127.0.0.1:9/a", UseFIPS: false, UseDualStack: false };
    expect(cut(given).url.href).toBe(whole(given).url.href);
  });

  test("says so where it was cut", async () => {
    const cut = await resolverOf(client, true);
    const fips = { Region: "eu-central-1", UseFIPS: true, UseDualStack: false };
    expect(() => cut(fips)).toThrow("AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT are not supported");
  });
});
