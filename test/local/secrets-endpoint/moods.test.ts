import { beforeEach, describe, expect, test } from "vitest";
import { isMood, type Mood, moodOf, moods } from "../../../local/secrets-endpoint/moods.ts";
import { startSecretsEndpoint } from "../../../local/secrets-endpoint/server.ts";
import { ServiceError } from "../../../local/secrets-endpoint/service-error.ts";
import { SecretStore } from "../../../local/secrets-endpoint/store.ts";

let store: SecretStore;
const open = (mood: Mood) => {
  store = new SecretStore({ mood });
  store.create("s", { text: "current" }, "current");
  for (const id of ["a", "b"]) store.put("s", { text: id }, id, [id.toUpperCase()]);
  store.moveLabel("s", "LABEL", undefined, "a");
};
const holders = (label: string) =>
  [...store.find("s").versions.values()].filter(({ labels }) => labels.has(label)).map(({ id }) => id);
const move = (from: string | undefined, to: string | undefined, label = "LABEL") => {
  try {
    store.moveLabel("s", label, from, to);
    return `done: ${holders(label)}`;
  } catch (error) {
    return error instanceof ServiceError ? error.type : String(error);
  }
};
const refused = "InvalidParameterException";

/** Where the label is elsewhere and no source is named; and none holds it; and it is on the target already. */
const answers: Readonly<Record<Mood, readonly [string, string, string]>> = {
  documented: [refused, refused, refused],
  moto: ["done: a,b", refused, refused],
  lenient: [refused, refused, "done: a"],
  careless: ["done: b", "done: b", "done: a"],
};

describe.each(moods)("a store that is %s", (mood) => {
  beforeEach(() => open(mood));

  test("moves a label from the version that holds it", () => {
    expect(move("a", "b")).toBe("done: b");
  });

  test("answers three moves that do not name the holder as the table of stores says", () => {
    const answered = [() => move(undefined, "b"), () => move("current", "b"), () => move("b", "a")].map((ask) => {
      open(mood);
      return ask();
    });
    expect(answered).toEqual(answers[mood]);
  });

  test("knows no version by another name", () => {
    expect(move("a", "nowhere")).toBe(mood === "moto" ? refused : "ResourceNotFoundException");
    expect(holders("LABEL")).toEqual(mood === "moto" ? [] : ["a"]);
  });

  test("takes the labels of a new version from the others, but for moto beside AWSCURRENT", () => {
    store.put("s", { text: "new" }, "new", ["LABEL"]);
    expect(holders("LABEL")).toEqual(["new"]);
    store.put("s", { text: "newer" }, "newer", ["AWSCURRENT", "LABEL"]);
    expect(holders("LABEL")).toEqual(mood === "moto" ? ["new", "newer"] : ["newer"]);
    expect([holders("AWSCURRENT"), holders("AWSPREVIOUS")]).toEqual([["newer"], ["current"]]);
  });

  test("leaves a version that is no longer current its other labels, but for moto", () => {
    move("a", "current");
    store.put("s", { text: "new" }, "new");
    expect(holders("LABEL")).toEqual(mood === "moto" ? [] : ["current"]);
  });

  test("takes off a label where it rests", () => {
    expect(move("a", undefined)).toBe("done: ");
  });

  test("moves AWSCURRENT and leaves AWSPREVIOUS behind", () => {
    expect(move("current", "b", "AWSCURRENT")).toBe("done: b");
    expect(holders("AWSPREVIOUS")).toEqual(["current"]);
  });
});

test("moto does not move AWSCURRENT without a source", () => {
  open("moto");
  expect(move(undefined, "b", "AWSCURRENT")).toBe(refused);
});

test("a mood is one of those that are known", () => {
  expect([isMood("moto"), isMood("angry")]).toEqual([true, false]);
  expect(() => moodOf("angry")).toThrow('There is no mood "angry"; known are documented, moto, lenient, careless');
});

test("the endpoint begins in the mood that it is given and takes another on its control face", async () => {
  const endpoint = await startSecretsEndpoint({ mood: "moto" });
  const ask = async (method: string, body?: string) => {
    const response = await fetch(`${endpoint.controlUrl}/mood`, { method, ...(body === undefined ? {} : { body }) });
    return { status: response.status, json: await response.json() };
  };
  expect(await ask("GET")).toEqual({ status: 200, json: { mood: "moto" } });
  expect(await ask("POST", '{"mood":"lenient"}')).toMatchObject({ status: 200 });
  expect(await ask("POST", '{"mood":"angry"}')).toMatchObject({ status: 400 });
  expect(await ask("GET")).toMatchObject({ json: { mood: "lenient" } });
  await endpoint.close();
});
