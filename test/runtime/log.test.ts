import { expect, test } from "vitest";
import { createLog, withLogFields } from "../../shared/runtime/log.ts";

function logged(level: string, write: (log: ReturnType<typeof createLog>) => void): unknown[] {
  const lines: unknown[] = [];
  write(createLog(level, (line) => lines.push(JSON.parse(line))));
  return lines;
}

test.each([
  ["DEBUG", ["DEBUG", "INFO", "WARN", "ERROR"]],
  ["info", ["INFO", "WARN", "ERROR"]],
  ["no level at all", ["INFO", "WARN", "ERROR"]],
  ["WARN", ["WARN", "ERROR"]],
  ["ERROR", ["ERROR"]],
  ["SILENT", []],
])("at %s the levels %j are written", (level, levels) => {
  const lines = logged(level, (log) => {
    for (const write of [log.debug, log.info, log.warn, log.error]) write("Said");
  });
  expect(lines).toEqual(levels.map((one) => ({ level: one, message: "Said" })));
});

test("an audit line is written at every level", () => {
  const lines = logged("ERROR", (log) => log.with({ requestId: "r" }).audit("Done", { caller: "c" }));
  expect(lines).toEqual([{ level: "INFO", message: "Done", requestId: "r", audit: true, caller: "c" }]);
});

test("a line carries the invocation's fields, the bound ones and its own, the last one winning", () => {
  const lines = logged("INFO", (log) =>
    withLogFields({ requestId: "r", a: 1 }, () => log.with({ a: 2, b: 2 }).info("Said", { b: 3 })),
  );
  expect(lines).toEqual([{ level: "INFO", message: "Said", requestId: "r", a: 2, b: 3 }]);
});
