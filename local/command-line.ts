/**
 * What a command was told by its flags; wrong use is said in words, with the way to more of them, and ends it with 2.
 *
 * @param read calls `parseArgs`, whose words name the flag
 * @param command as it is typed, such as `npm start`
 */
export function flagsOf<Values>(read: () => Values, command: string): Values {
  try {
    return read();
  } catch (error) {
    // What follows its first sentence is how Node would have it escaped.
    const [said = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    console.error(`${said.replace(/\.$/, "")}\n${command} -- --help says what may be given`);
    process.exit(2);
  }
}

/** Shows help where it is asked for, and ends with 0. */
export function helpedBy(wanted: boolean, help: string): void {
  if (!wanted) return;
  console.log(help);
  process.exit(0);
}

/**
 * Ends a command without a word when nobody reads its output any more (`| head`), which is nobody's fault.
 *
 * @param end ends it in its own way; absent: at once, with the code that it has so far
 */
export function endsWithItsReader(end: () => void = () => process.exit()): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      end();
    });
  }
}
