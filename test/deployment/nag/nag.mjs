import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Aspects, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { AwsSolutionsChecks, NagSuppressions, ServerlessChecks } from "cdk-nag";
import { packageService } from "../packaging.ts";
import { suppressions } from "./suppressions.mjs";

// Packages the service, lays cdk-nag's rules over the emitted template and ends with 1 when a finding has no reason,
// or a reason no finding.
const folder = mkdtempSync(join(tmpdir(), "rekey-nag-"));
try {
  const { template } = await packageService();
  const templateFile = join(folder, "template.json");
  writeFileSync(templateFile, JSON.stringify(template));

  const app = new App({ outdir: join(folder, "out"), analyticsReporting: false });
  const stack = new Stack(app, "rekey");
  const include = new CfnInclude(stack, "template", { templateFile });
  const unused = [];
  for (const { rule, resources, reason, appliesTo } of suppressions) {
    const matching = Object.keys(template.Resources).filter((id) => resources.test(id));
    if (matching.length === 0) unused.push(`${rule} on ${resources}`);
    for (const id of matching) {
      NagSuppressions.addResourceSuppressions(include.getResource(id), [{ id: rule, reason, appliesTo }]);
    }
  }
  Aspects.of(app).add(new AwsSolutionsChecks({ verbose: false, reports: false }));
  Aspects.of(app).add(new ServerlessChecks({ verbose: false, reports: false }));
  const findings = app
    .synth()
    .getStackArtifact(stack.artifactId)
    .messages.map(({ id, level, entry }) => `${level} ${id.split("/").at(-1)} ${String(entry.data).split("\n")[0]}`);
  for (const finding of findings) console.log(finding);
  for (const suppression of unused) console.log(`unused suppression: ${suppression}`);
  console.log(`${findings.length} findings without a reason, ${suppressions.length} kinds with one`);
  process.exitCode = findings.length + unused.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
