import { expect, test } from "vitest";
import { deadEndsOf } from "../../shared/webhook/dead-ends.ts";

test("of a list's members what can be shown is shown, and what cannot throws nothing", () => {
  const event = { list: [{ id: { toString: null } }, { id: "a" }, { id: 7 }, {}] };
  expect(deadEndsOf('list[id="x"].value', event)).toEqual([
    { path: 'list[id="x"].value', under: "list", missing: '[id="x"]', present: ["a", "7"] },
  ]);
});
