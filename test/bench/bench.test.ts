import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContainer } from "./container.ts";
import { spreadOf } from "./figures.ts";
import { freezeAndThaw } from "./measure.ts";
import { pictureOf } from "./picture.ts";
import { markdownOf, type Run } from "./report.ts";
import { contenders, openStage, type Stage } from "./stage.ts";

const result = (name: string) => readFileSync(new URL(`results/${name}`, import.meta.url), "utf8");

describe("what is committed of the last run", () => {
  test("is a table and a picture made from its figures", () => {
    const run: Run = JSON.parse(result("bench.json"));
    expect(result("bench.md")).toBe(markdownOf(run));
    expect(result("bench.svg")).toBe(pictureOf(run));
  });
});

describe("the contenders", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(20);
  });
  afterAll(() => stage.close());

  test.each(contenders)("%s does its job over a line of 20 ms, cold and warm", async (contender) => {
    const container = await startContainer(stage.containerOf(contender), stage.event);
    const startedAt = performance.now();
    const answers = [container.firstAnswer, await container.invoke(stage.event)];
    const warmMs = performance.now() - startedAt;
    await container.close();
    const code = contender === "bare" ? {} : { verifyCode: expect.any(String) };
    for (const answer of answers) expect(answer).toMatchObject({ deviceId: "device-1", ...code });
    // At least one round trip, where there is a platform to ask.
    if (contender !== "bare") expect(warmMs).toBeGreaterThan(19);
  });

  test("ours answers after each of five freezes", async () => {
    expect(await freezeAndThaw("ours", 5)).toBe(0);
  });
});

test("a spread is the middle and the quarters around it", () => {
  expect(spreadOf([4, 1, 3, 2, 5])).toEqual({ median: 3, lower: 2, upper: 4, count: 5 });
  expect(spreadOf([1, 2]).median).toBe(1.5);
});
