import { describe, expect, test } from "vitest";
import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import {
  type Happening,
  type Known,
  next,
  nothingYet,
  type Step,
  type Wish,
} from "../../shared/platform/convergence.ts";

const error = (name: ErrorName) => new RekeyError(name, name);
const notChanged = (name: ErrorName): Happening => ({ kind: "notChanged", error: error(name) });
const notRead = (name: ErrorName): Happening => ({ kind: "notRead", error: error(name) });
const read = (nodeId: string, status = "OFFLINE"): Happening => ({ kind: "read", device: { nodeId, status } });
const issued = { verifyCode: "c", timeoutSeconds: 180, expiresAtMs: 5 };
const begun: Happening = { kind: "begun" };
const late: Happening = { kind: "late" };

const plain: Wish = { nodeId: "new", code: "c", expectedNodeId: undefined };
const codeless: Wish = { ...plain, code: undefined };
const anyNode: Wish = { ...plain, nodeId: undefined };
const expecting: Wish = { ...plain, expectedNodeId: "old" };
const same: Wish = { ...plain, expectedNodeId: "new" };

const sent: Known = { ...nothingYet, changes: 1 };
const lost: Known = { ...sent, lost: error("OutcomeUnknownError") };
const readingBack = (known: Known, name: ErrorName): Known => ({ ...known, ending: error(name) });
const afterLost = readingBack(lost, "OutcomeUnknownError");
const afterTaken = readingBack(sent, "NodeIdTakenError");
const afterOnline = readingBack(lost, "DeviceOnlineError");
const five = { changes: 5 };

/** A step in a word or two: `change new after 100`, `done replayed`, `fail DeviceOnlineError`. */
function said(step: Step): string {
  switch (step.kind) {
    case "change":
      return `change ${step.nodeId ?? "-"} after ${step.pauseMs}`;
    case "read":
      return "read";
    case "done":
      return `done${step.state.replayed ? " replayed" : ""}${step.state.expiresAtMs === null ? " connected" : ""}`;
    case "fail":
      return `fail ${step.error.name}`;
  }
}

// What happened, to which wish, with what known, and what comes next.
const rows: readonly (readonly [Happening, Wish, Known, string])[] = [
  [begun, plain, nothingYet, "change new after 0"],
  [begun, anyNode, nothingYet, "change - after 0"],
  [begun, codeless, nothingYet, "change new after 0"],
  [begun, expecting, nothingYet, "read"],

  [read("old"), expecting, nothingYet, "change new after 0"],
  [read("new"), expecting, nothingYet, "change - after 0"],
  [read("new", "ONLINE"), expecting, nothingYet, "done replayed connected"],
  [read("new", "ONLINE"), { ...expecting, code: undefined }, nothingYet, "change - after 0"],
  [read("old", "ONLINE"), expecting, nothingYet, "change new after 0"],
  [read("other"), expecting, nothingYet, "fail NodeIdChangedError"],
  [read("new"), same, nothingYet, "change new after 0"],
  [read("new", "ONLINE"), same, nothingYet, "change new after 0"],
  [read("old"), { ...expecting, nodeId: undefined }, nothingYet, "change - after 0"],
  [read("other"), { ...expecting, nodeId: undefined }, nothingYet, "fail NodeIdChangedError"],
  [notRead("PlatformUnavailableError"), expecting, nothingYet, "fail PlatformUnavailableError"],

  [{ kind: "changed", issued }, plain, sent, "done"],
  [{ kind: "changed", issued }, plain, { ...sent, hasNodeId: true }, "done replayed"],
  [{ kind: "changed", issued }, plain, { ...lost, hasNodeId: false }, "done"],

  [notChanged("OutcomeUnknownError"), plain, sent, "read"],
  [notChanged("OutcomeUnknownError"), anyNode, sent, "change - after 100"],
  [notChanged("OutcomeUnknownError"), codeless, sent, "fail OutcomeUnknownError"],
  [notChanged("NodeIdTakenError"), plain, sent, "read"],
  [notChanged("NodeIdTakenError"), codeless, sent, "read"],
  [notChanged("NodeIdTakenError"), anyNode, sent, "fail NodeIdTakenError"],
  [notChanged("NodeIdTakenError"), plain, { ...lost, hasNodeId: true }, "fail NodeIdTakenError"],
  [notChanged("DeviceOnlineError"), plain, sent, "fail DeviceOnlineError"],
  [notChanged("DeviceOnlineError"), plain, lost, "read"],
  [notChanged("DeviceOnlineError"), expecting, sent, "read"],
  [notChanged("DeviceOnlineError"), same, sent, "fail DeviceOnlineError"],
  [notChanged("DeviceOnlineError"), anyNode, lost, "fail OutcomeUnknownError"],
  [notChanged("PlatformThrottledError"), plain, sent, "fail PlatformThrottledError"],
  [notChanged("PlatformThrottledError"), plain, lost, "fail OutcomeUnknownError"],
  [notChanged("DeviceNotActiveError"), plain, lost, "fail DeviceNotActiveError"],

  [read("new"), plain, afterLost, "change - after 100"],
  [read("old"), plain, afterLost, "change new after 100"],
  [read("new", "ONLINE"), plain, afterLost, "done replayed connected"],
  [read("old", "ONLINE"), plain, afterLost, "change new after 100"],
  [read("new"), plain, afterTaken, "change - after 100"],
  [read("old"), plain, afterTaken, "fail NodeIdTakenError"],
  [read("new", "ONLINE"), plain, afterTaken, "change - after 100"],
  [read("new", "ONLINE"), plain, afterOnline, "done replayed connected"],
  [read("new"), plain, afterOnline, "fail OutcomeUnknownError"],
  [read("old", "ONLINE"), plain, afterOnline, "fail DeviceOnlineError"],
  [read("old"), expecting, readingBack(sent, "DeviceOnlineError"), "fail DeviceOnlineError"],

  [notRead("PlatformUnavailableError"), plain, afterLost, "change new after 100"],
  [notRead("PlatformUnavailableError"), plain, { ...afterLost, hasNodeId: true }, "change - after 100"],
  [notRead("PlatformUnavailableError"), plain, readingBack(lost, "NodeIdTakenError"), "change new after 100"],
  [notRead("PlatformUnavailableError"), plain, afterOnline, "fail OutcomeUnknownError"],
  [notRead("PlatformUnavailableError"), plain, { ...afterOnline, hasNodeId: false }, "fail OutcomeUnknownError"],
  [notRead("PlatformUnavailableError"), plain, afterTaken, "fail PlatformUnavailableError"],
  [notRead("DeviceNotFoundError"), plain, afterLost, "fail DeviceNotFoundError"],

  [late, plain, nothingYet, "fail PlatformUnavailableError"],
  [late, plain, lost, "fail OutcomeUnknownError"],
  [read("old"), plain, { ...afterLost, ...five }, "fail OutcomeUnknownError"],
  [read("old"), plain, { ...afterLost, changes: 4 }, "change new after 800"],
];

test.each(rows)("%j, for %j and known %j: %s", (happening, wish, known, expected) => {
  expect(said(next(wish, known, happening)[1])).toBe(expected);
});

describe("what is known afterwards", () => {
  test.each<[string, Happening, Wish, Known, Partial<Known>]>([
    ["a change that was begun", begun, plain, nothingYet, { changes: 1 }],
    ["no change where the device is read first", begun, expecting, nothingYet, { changes: 0 }],
    ["the nodeId that was found", read("new"), plain, afterLost, { hasNodeId: true, changes: 2 }],
    ["the nodeId that was not found", read("old"), plain, afterLost, { hasNodeId: false, changes: 2 }],
    [
      "nothing of the nodeId after a failed reading",
      notRead("PlatformReplyError"),
      plain,
      { ...afterLost, hasNodeId: false },
      { hasNodeId: undefined },
    ],
  ])("is %s", (_, happening, wish, known, expected) => {
    expect(next(wish, known, happening)[0]).toMatchObject(expected);
  });

  test("are the last lost change and why the device is read back", () => {
    const second = error("OutcomeUnknownError");
    const [known] = next(plain, lost, { kind: "notChanged", error: second });
    expect(known).toEqual({ ...lost, lost: second, ending: second });
    expect(next(plain, known, read("old"))[0].ending).toBeUndefined();
  });
});

test("a lost change that cannot be asked for again says what would have helped", () => {
  const [, step] = next(codeless, sent, notChanged("OutcomeUnknownError"));
  expect(step).toMatchObject({ error: { retryable: false, advice: expect.stringContaining("Idempotency-Key") } });
});
