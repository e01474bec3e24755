import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { moodOf } from "../../local/secrets-endpoint/moods.ts";
import { startRekey } from "../end-to-end/rekey.ts";
import { type Case, cases } from "./cases.ts";
import {
  type CrowdCase,
  type CrowdTrial,
  crowdCases,
  type Misfortune,
  misfortunes,
  stepsOf,
  tryCrowd,
} from "./crowd.ts";
import { cutAtEveryByte } from "./every-byte.ts";
import { type Trial, tryCase, tryOn } from "./trial.ts";

// `npm run faults [-- --mood name]`: tries everything in a store of this mood and writes MATRIX.md beside this file, or
// MATRIX.<mood>.md. Ends with 1 when anything is wrong.
const { values } = parseArgs({ options: { mood: { type: "string", default: "documented" } } });
const mood = moodOf(values.mood);
const trials: Trial[] = [];
for (const one of cases) {
  const trial = await tryCase(one, mood);
  trials.push(trial);
  console.log(
    `${trial.wrong.length === 0 ? "ok  " : "WRONG"} ${one.part}: ${one.what} -> ${trial.answer} ${trial.ms} ms ${trial.wrong}`,
  );
}
const bytes = await everyByte();
const cuts = [
  await cutAtEveryByte("login", mood),
  await cutAtEveryByte("refreshToken", mood),
  await cutAtEveryByte("deviceInfo", mood),
];
const everything = Object.keys(misfortunes).filter((one): one is Misfortune => one in misfortunes);
const killings: readonly Misfortune[] = ["killed before", "killed after"];
const crowds = {
  killed: await tryAll(crowdCases("killed", everything)),
  empty: await tryAll(crowdCases("empty", killings)),
};
const rows = trials.map(
  ({ part, what, answer, wrong, logins }) =>
    `| ${part} | ${what} | ${answer} | ${logins} | ${wrong.length === 0 ? "yes" : wrong.join(", ")} |`,
);
await writeFile(
  new URL(mood === "documented" ? "MATRIX.md" : `MATRIX.${mood}.md`, import.meta.url),
  `# What was broken, and what became of it

Written by \`npm run faults\`, with a secrets store that is ${mood}, on the built bundles, each in a process of its own: a request with an idempotency key while
something is wrong, then the same request with nothing wrong. "Well" means: an answer within the invocation's time that is
the result or a named error; the device in the wanted state and no other; one code, which the repeat brings; no more logins
than that needs.

| part | what goes wrong | answer | logins | well |
|---|---|---|---|---|
${rows.join("\n")}
| platform | connection cut after each byte of the answer to a change (${bytes.count} of them), done or not | ${bytes.answers} | ${bytes.logins} | ${bytes.wrong.length === 0 ? "yes" : bytes.wrong.join(", ")} |
${cuts
  .map(
    ({ operation, cuts, answers, logins, wrong }) =>
      `| platform | connection cut after each byte of the answer to ${operation} (${cuts} of them) | ${answers.join(", ")} | ${logins} | ${wrong.length === 0 ? "yes" : wrong.join(", ")} |`,
  )
  .join("\n")}

## One call of a renewal goes wrong, while four others wait

Five sandboxes want a token; the first one renews, and the call named at the left goes wrong for it. A cell says how the
five requests ended, how many logins there were, repeats included, and how long the slowest took. "Well" as above, for
each of the five; what is not well stands in the cell.

The platform has refused the token, since a stranger has logged in:

${gridOf("killed", everything)}

The session secret has no value yet:

${gridOf("empty", killings)}

\`Runtime.ExitError\` is Lambda's word for a sandbox that was killed.
`,
);
const crowdTrials = [...crowds.killed, ...crowds.empty];
const wrong = [...trials, ...cuts, ...crowdTrials, bytes].flatMap((trial) => trial.wrong);
const count = trials.length + bytes.count + cuts.reduce((sum, one) => sum + one.cuts, 0) + crowdTrials.length;
console.log(`${count} faults, ${wrong.length} wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function everyByte() {
  const rekey = await startRekey({}, { codeKey: Buffer.alloc(32, 3).toString("base64") }, {}, mood);
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

async function tryAll(list: readonly CrowdCase[]): Promise<CrowdTrial[]> {
  const found: CrowdTrial[] = [];
  for (const one of list) {
    const trial = await tryCrowd(one, mood);
    found.push(trial);
    console.log(
      `${trial.wrong.length === 0 ? "ok  " : "WRONG"} ${one.session} ${one.step} ${one.misfortune}: ${cellOf(trial)}`,
    );
  }
  return found;
}

function gridOf(session: CrowdCase["session"], columns: readonly Misfortune[]): string {
  const lines = Array.from({ length: stepsOf[session] }, (_, index) => {
    const step = index + 1;
    const cells = columns.map((misfortune) =>
      crowds[session].find((one) => one.step === step && one.misfortune === misfortune),
    );
    return `| ${step} ${cells[0]?.operation} | ${cells.map((cell) => (cell === undefined ? "" : cellOf(cell))).join(" | ")} |`;
  });
  return [`| call | ${columns.join(" | ")} |`, `|${"---|".repeat(columns.length + 1)}`, ...lines].join("\n");
}

function cellOf({ answers, logins, longestMs, wrong }: CrowdTrial): string {
  const ended = Object.entries(answers).map(([name, times]) => `${times} ${name}`);
  const seconds = (longestMs / 1_000).toFixed(1);
  return [`${ended.join(", ")}; ${logins} ${logins === 1 ? "login" : "logins"}; ${seconds} s`, ...wrong].join("; ");
}
