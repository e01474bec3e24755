// Loaded into a sandbox before its bundle: the wall clock is as many milliseconds off as the file says, from one call to
// the next, as when somebody sets it. The monotonic clock goes on, as it does then.
import { readFileSync } from "node:fs";

const file = process.env.REKEY_CLOCK_STEP_FILE;
const now = Date.now;
Date.now = () => now() + Number(readFileSync(file, "utf8"));
