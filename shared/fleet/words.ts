/** A number with its noun, as people say it: "1 line", "2 lines". */
export function counted(number: number, noun: string): string {
  return `${number} ${number === 1 ? noun : `${noun}s`}`;
}

/** Minutes in words, rounded up; hours or days where they are many. */
export function lasting(minutes: number): string {
  if (minutes < 90) return counted(Math.max(1, Math.ceil(minutes)), "minute");
  if (minutes < 48 * 60) return counted(Math.ceil(minutes / 60), "hour");
  return counted(Math.ceil(minutes / 144) / 10, "day");
}

/** What is told of lines that a run knows and an input leaves out. */
export function notInInput(leftOut: number): string {
  return `${counted(leftOut, "line")} of the run ${leftOut === 1 ? "is" : "are"} not in this input: what is done stays so, what is not is tried no more, and the result leaves both out`;
}

/** What is told of lines whose turn did not come before a run stopped. */
export function neverTried(untried: number): string {
  return `${counted(untried, "line")} ${untried === 1 ? "was" : "were"} never tried`;
}
