import { writeFile } from "node:fs/promises";
import { startRekey } from "../end-to-end/rekey.ts";
import { type Case, cases } from "./cases.ts";
import { type Trial, tryCase, tryOn } from "./trial.ts";

// `npm run faults`: tries everything and writes MATRIX.md beside this file. Ends with 1 when anything is wrong.
const trials: Trial[] = [];
for (const one of cases) {
  const trial = await tryCase(one);
  trials.push(trial);
  console.log(
    `${trial.wrong.length === 0 ? "ok  " : "WRONG"} ${one.part}: ${one.what} -> ${trial.answer} ${trial.ms} ms ${trial.wrong}`,
  );
}
const bytes = await everyByte();
const rows = trials.map(
  ({ part, what, answer, wrong, logins }) =>
    `| ${part} | ${what} | ${answer} | ${logins} | ${wrong.length === 0 ? "yes" : wrong.join(", ")} |`,
);
await writeFile(
  new URL("MATRIX.md", import.meta.url),
  `# What was broken, and what became of it

Written by \`npm run faults\` on the built bundles, each in a process of its own: a request with an idempotency key while
something is wrong, then the same request with nothing wrong. "Well" means: an answer within the invocation's time that is
the result or a named error; the device in the wanted state and no other; one code, which the repeat brings; no more logins
than that needs.

| part | what goes wrong | answer | logins | well |
|---|---|---|---|---|
${rows.join("\n")}
| platform | connection cut after each byte of the answer to a change (${bytes.count} of them), done or not | ${bytes.answers} | ${bytes.logins} | ${bytes.wrong.length === 0 ? "yes" : bytes.wrong.join(", ")} |

\`Runtime.ExitError\` is Lambda's word for a sandbox that was killed.
`,
);
const wrong = [...trials.flatMap((trial) => trial.wrong), ...bytes.wrong];
console.log(`${trials.length + bytes.count} faults, ${wrong.length} wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function everyByte() {
  const rekey = await startRekey({}, { codeKey: Buffer.alloc(32, 3).toString("base64") });
  const found: Trial[] = [];
  try {
    for (let cutAt = 0; cutAt <= 140; cutAt += 1) {
      for (const applied of [false, true]) {
        // Not done, the answer that is cut is a short invented one; whole, it would be a platform that lies.
        if (!applied && cutAt > 110) continue;
        const one: Case = {
          ...{ part: "platform", what: `cut at byte ${cutAt}`, session: "live", logins: 0 },
          strike: ({ simulator }, deviceId) =>
            simulator.faults.add({ kind: "cutAt", bytes: cutAt, operation: "refreshDeviceKey", deviceId, applied }),
        };
        found.push(await tryOn(rekey, one, `byte-${cutAt}-${applied}`));
      }
    }
  } finally {
    await rekey.close();
  }
  return {
    count: found.length,
    answers: [...new Set(found.map(({ answer }) => answer))].join(", "),
    logins: found.reduce((sum, { logins }) => sum + logins, 0),
    wrong: found.flatMap(({ what, wrong }) => wrong.map((text) => `${what}: ${text}`)),
  };
}
