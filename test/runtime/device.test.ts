import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { appId, deviceId, nodeId, timeoutSeconds, verifyCode } from "../../shared/device.ts";

const texts = { deviceId, nodeId, verifyCode, appId } satisfies Record<string, z.ZodMiniType>;
type Name = keyof typeof texts;
const names = ["deviceId", "nodeId", "verifyCode", "appId"] as const;

const messagesOf = (schema: z.ZodMiniType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];

describe.each(names)("a %s", (name) => {
  test.each(["d", "urn:imei:860000000000001", "...", ".d", "d..", "gerät", "設備", "🔑", "x".repeat(256)])(
    "may be %j",
    (value) => {
      expect(texts[name].safeParse(value)).toMatchObject({ success: true, data: value });
    },
  );

  test.each(["", "x".repeat(257), 7, null, undefined, {}, ["d"]])("may not be %j", (value) => {
    expect(texts[name].safeParse(value).success).toBe(false);
  });

  test.each([
    ...["\u0000a", "a\u0007b", "\na", "a\r\nb", "a\u007f", "a\u0085b"],
    // Format, unassigned, private, half of a pair, and what a decoder writes for bytes that were no text.
    ...["a\u200bb", "a\u202eb", "\ufeffa", "a\u00adb", "a\u{378}b", "a\ue000b", "a\ud800", "\udc00a", "a\ufffdb"],
  ])("has no character like that of %j", (value) => {
    expect(messagesOf(texts[name], value)).toContain("must have no control, format or replacement characters");
  });

  test.each([" a", "a ", "\ta", "a\t", "\u00a0a", "a\u3000", " "])("has no blank at an end, as %j has", (value) => {
    expect(messagesOf(texts[name], value)).toContain("must not begin or end with a blank");
  });
});

test.each<[Name, string]>([
  ["nodeId", "with blanks, / and ü"],
  ["verifyCode", "a/b?c#d%20\\"],
  ["appId", ".."],
])("a %s may be %j, which no path would bear", (name, value) => {
  expect(texts[name].safeParse(value).success).toBe(true);
});

test.each([".", "..", "a b", "a/", "/a", "a\\b", "a?", "#a", "a%2f"])("a deviceId may not be %j", (value) => {
  expect(messagesOf(deviceId, value)).toEqual(["must have no blanks, slashes, %, ? or #, and not be a path"]);
});

test.each([
  [0, true],
  [2_147_483_647, true],
  [-1, false],
  [0.5, false],
  [2_147_483_648, false],
  ["180", false],
])("a timeout of %j seconds is allowed: %s", (value, allowed) => {
  expect(timeoutSeconds.safeParse(value).success).toBe(allowed);
});
