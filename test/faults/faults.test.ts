import { expect, test } from "vitest";
import { cases } from "./cases.ts";
import { type CrowdCase, tryCrowd } from "./crowd.ts";
import { tryCase } from "./trial.ts";

// The rest of the matrix is tried by `npm run faults`, which writes MATRIX.md.
const chosen = cases.filter(({ always }) => always === true);

test.each(chosen.map((one) => [one.part, one.what, one] as const))(
  "%s, %s: one state, one code, no login storm, in time",
  async (_, __, one) => {
    expect((await tryCase(one)).wrong).toEqual([]);
  },
);

// One of each kind that takes no term of the lease.
const crowds: readonly CrowdCase[] = [
  { session: "killed", step: 3, misfortune: "500, three times" },
  { session: "killed", step: 4, misfortune: "500, three times" },
  { session: "killed", step: 6, misfortune: "cut after it was done" },
  { session: "killed", step: 6, misfortune: "killed after" },
  { session: "empty", step: 7, misfortune: "killed before" },
];

test.each(crowds.map((one) => [one.session, one.step, one.misfortune, one] as const))(
  "a renewal of a session that is %s, call %d %s: five sandboxes, one state and one code each, two logins at most",
  async (_, __, ___, one) => {
    expect((await tryCrowd(one)).wrong).toEqual([]);
  },
);
