import type { Invocation } from "../../shared/http/operation.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";

/** An invocation that logs nothing, for operations that look at none. */
export const invocation: Invocation = {
  deadline: deadlineIn(10_000, systemClock),
  log: createLog("SILENT"),
  requestId: "test",
  caller: "test",
};
