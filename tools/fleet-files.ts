import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "./fleet-command.ts";
import { codeOf } from "./fleet-words.ts";

const whys: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "it lies on a file system that is read-only",
  ENOTDIR: "a part of its path is no folder",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
};

/** Sees that an input can be read, twice. @throws UsageError */
export function checkInputFile(file: string): void {
  const found = statOf(file);
  if (found === undefined) throw new UsageError(`There is no file ${file}`);
  if (found.isDirectory()) throw new UsageError(`${file} is a folder: name the CSV or the JSON lines in it`);
  if (!found.isFile()) throw new UsageError(`${file} can be read once only: write it into a file first, and name that`);
  access(file, constants.R_OK, `${file} cannot be read`);
}

/** Sees that a result can be written where it is to go, before anything is begun. @throws UsageError */
export function checkResultFiles(out: string, input: string | undefined): void {
  const folder = dirname(out);
  const found = statOf(folder);
  if (found === undefined) throw new UsageError(`There is no folder ${folder} for the result`);
  if (!found.isDirectory()) throw new UsageError(`${folder} is no folder: the result cannot go there`);
  access(folder, constants.W_OK, `The result cannot be written into ${folder}`);
  for (const file of [out, failedFileOf(out)]) {
    if (statOf(file)?.isFile() === false) throw new UsageError(`${file} is no file: the result cannot go there`);
    if (input !== undefined && isSame(file, input)) {
      throw new UsageError(`The result would replace the input ${input}: name another --out`);
    }
  }
}

/** Where the failed lines of a result go. */
export function failedFileOf(out: string): string {
  return `${out.replace(/\.result\.jsonl$/, "")}.failed.csv`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new UsageError(`${path} cannot be looked at: ${why(error)}`);
  }
}

function access(path: string, mode: number, what: string): void {
  try {
    accessSync(path, mode);
  } catch (error) {
    throw new UsageError(`${what}: ${why(error)}`);
  }
}

function why(error: unknown): string {
  return whys[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

function isSame(one: string, other: string): boolean {
  const real = (path: string) => (statOf(path) === undefined ? resolve(path) : realpathSync(path));
  return real(one) === real(other);
}
