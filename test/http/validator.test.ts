import { expect, test } from "vitest";
import * as z from "zod/mini";
import { validator } from "../../shared/http/validator.ts";
import { requestOf, through } from "./one-request.ts";

const link = validator({
  input: z.strictObject({ wish: z.optional(z.string().check(z.maxLength(5))) }),
  output: z.object({ told: z.string() }),
});

test("an input of the schema goes in, null counting as absent", () => {
  expect(through(link, "before", requestOf({ event: { wish: "one" } })).event).toEqual({ wish: "one" });
  expect(through(link, "before", requestOf({ event: { wish: null } })).event).toEqual({});
});

test("all that is wrong is told at once, what was found on the way among it", () => {
  const faults = [{ path: "colour", message: "is unknown" }];
  const request = requestOf({ event: { wish: "too long", size: 1 }, internal: { faults } });
  expect(() => through(link, "before", request)).toThrow(
    expect.objectContaining({
      name: "InvalidInputError",
      faults: [
        ...faults,
        { path: "wish", message: "must have at most 5 characters" },
        { path: "size", message: "is unknown" },
      ],
    }),
  );
});

test("of an output leaves what the schema names and nothing else", () => {
  expect(through(link, "after", requestOf({ response: { told: "it", secret: "inside" } })).response).toEqual({
    told: "it",
  });
});

test("an output that is not of its schema does not leave", () => {
  expect(() => through(link, "after", requestOf({ response: { secret: "inside" } }))).toThrow(Error);
});
