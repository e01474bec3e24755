import { expect, test } from "vitest";
import type * as z from "zod/mini";
import { authenticate } from "../../functions/authenticate.ts";
import { RekeyError } from "../../shared/errors.ts";
import { createDevice } from "../platform/one-device.ts";
import { invocationBy } from "./world.ts";

/** Asks for a token of a session that holds one, and one more for who logs in afresh. */
async function ask(input: z.infer<typeof authenticate.input>, leftMs = 3_540_999) {
  const { platform, time } = createDevice([]);
  const clock = time.clock();
  const asked: string[] = [];
  const give = (accessToken: string) => async () => {
    asked.push(accessToken);
    return { accessToken, expiresAtMs: clock.now() + leftMs, issuedAtMs: clock.now() };
  };
  const session = { ...platform.session, current: give("current"), renew: give("renewed") };
  const { invocation, lines } = invocationBy(clock);
  const output = await authenticate.run(input, invocation, { platform: { ...platform, session }, clock });
  return { output, asked, lines, endsAt: new Date(clock.now() + leftMs).toISOString() };
}

test("who asks is told until when the current token is valid, in whole seconds, and not the token", async () => {
  const { output, asked, lines, endsAt } = await ask({});
  expect(output).toEqual({ expiresAt: endsAt, expiresIn: 3_540, tokenType: "Bearer" });
  expect([asked, lines]).toEqual([["current"], []]);
});

test("the token itself is given on demand, and the log says to whom", async () => {
  const { output, lines } = await ask({ includeToken: true });
  expect(output.accessToken).toBe("current");
  expect(lines).toEqual([
    expect.objectContaining({
      ...{ audit: true, message: "Access token request", caller: "arn:caller", renew: false, includeToken: true },
      outcome: "ok",
    }),
  ]);
});

test("a token is made anew on demand, and the log says for whom", async () => {
  const { output, asked, lines } = await ask({ renew: true });
  expect(asked).toEqual(["renewed"]);
  expect(output).not.toHaveProperty("accessToken");
  expect(lines).toEqual([expect.objectContaining({ caller: "arn:caller", renew: true, includeToken: false })]);
});

test("a token that has just ended is valid for no second more, not for fewer than none", async () => {
  expect((await ask({}, -1)).output.expiresIn).toBe(0);
});

test.each([
  [new RekeyError("SecretsUnavailableError", "The secrets store does not answer"), "SecretsUnavailableError"],
  [new TypeError("inside"), "UnexpectedError"],
])(
  "what keeps a token from being had (%s) is thrown, and audited where the token or a login was asked for",
  async (error, outcome) => {
    const { platform, time } = createDevice([]);
    const fail = () => Promise.reject(error);
    const session = { ...platform.session, current: fail, renew: fail };
    const dependencies = { platform: { ...platform, session }, clock: time.clock() };
    const audited = async (input: z.infer<typeof authenticate.input>) => {
      const { invocation, lines } = invocationBy(time.clock());
      await expect(authenticate.run(input, invocation, dependencies)).rejects.toBe(error);
      return lines.map((line) => line["outcome"]);
    };
    expect(await audited({})).toEqual([]);
    expect(await audited({ includeToken: true })).toEqual([outcome]);
    expect(await audited({ renew: true })).toEqual([outcome]);
  },
);
