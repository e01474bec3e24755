import { expect, test } from "vitest";
import { cases } from "./cases.ts";
import { tryCase } from "./trial.ts";

// The rest of the matrix is tried by `npm run faults`, which writes MATRIX.md.
const chosen = cases.filter(({ always }) => always === true);

test.each(chosen.map((one) => [one.part, one.what, one] as const))(
  "%s, %s: one state, one code, no login storm, in time",
  async (_, __, one) => {
    expect((await tryCase(one)).wrong).toEqual([]);
  },
  60_000,
);
