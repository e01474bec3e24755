/** A threat and the test that tries it; `file` and `title` are empty where a row names none. */
export interface Proof {
  readonly threat: string;
  readonly file: string;
  /** Part of the test's full name. */
  readonly title: string;
}

/** A run's tests, as vitest's JSON reporter writes them. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/**
 * The proofs that SECURITY.md names: the last cell of each row of the table of threats, as `file: part of a test's name`.
 *
 * @param page the text of SECURITY.md
 */
export function proofsIn(page: string): Proof[] {
  const [, table = ""] = page.split(/^## Who may try what$/m);
  const rows = (table.split(/^## /m)[0] ?? "").matchAll(/^\| (?!who \||---)(.+?) \| (.+?) \| .* \| (.+?) \|$/gm);
  return [...rows].map(([, who, tries, proof = ""]) => {
    const [, file = "", title = ""] = /^(test\/\S+\.test\.ts): (.+)$/.exec(proof) ?? [];
    return { threat: `${who}: ${tries}`, file, title };
  });
}

/**
 * Whether a proof held in this run: some test of its file with the title in its name passed, and none failed. A test
 * that was skipped proves nothing.
 */
export function holds({ file, title }: Proof, report: Report): boolean {
  if (title === "") return false;
  const tests = report.testResults
    .filter(({ name }) => name.replaceAll("\\", "/").endsWith(`/${file}`))
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName }) => fullName.includes(title));
  return tests.some(({ status }) => status === "passed") && !tests.some(({ status }) => status === "failed");
}
