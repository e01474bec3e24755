import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The bill of materials: every package of which a bundle holds code, with version, licence and the bundles it is in, as
 * CycloneDX 1.6. Made of the bundler's own account, so that it names what is deployed and not what was installed.
 *
 * @param {string} folder where `bom.json` is written, beside the bundles
 * @param {import("esbuild").Metafile} metafile
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function writeBom(folder, { outputs }) {
  const packages = new Map();
  const bundles = [];
  for (const [file, { inputs, entryPoint }] of Object.entries(outputs)) {
    if (entryPoint === undefined) continue;
    bundles.push(file);
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const home = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (home === undefined || bytesInOutput === 0) continue;
      packages.set(home, (packages.get(home) ?? new Set()).add(file));
    }
  }
  const root = join(folder, "..");
  const components = [...packages]
    .map(([home, files]) => component(JSON.parse(readFileSync(join(root, home, "package.json"), "utf8")), [...files]))
    .sort((one, other) => (one.purl < other.purl ? -1 : 1));
  const product = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const hashes = bundles.map((file) => ({
    type: "file",
    name: file,
    hashes: [
      {
        alg: "SHA-256",
        content: createHash("sha256")
          .update(readFileSync(join(root, file)))
          .digest("hex"),
      },
    ],
  }));
  // No serial number and no time: two builds of the same sources give the same bytes.
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name: product.name, version: product.version, components: hashes } },
    components,
  };
  writeFileSync(join(folder, "bom.json"), `${JSON.stringify(bom, null, 2)}\n`);
}

function component({ name, version, license }, files) {
  const purl = `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    licenses: [{ license: { id: license } }],
    properties: files.map((value) => ({ name: "rekey:bundle", value })),
  };
}
