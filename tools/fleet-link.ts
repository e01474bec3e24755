import { setTimeout as delay } from "node:timers/promises";
import { memberOf } from "../shared/json.ts";
import { codeOf, reasonOf } from "./fleet-words.ts";

/** Nothing more can be heard; `isGone` where what was asked for is not there any more. */
export class LostError extends Error {
  readonly isGone: boolean;

  constructor(message: string, isGone: boolean) {
    super(message);
    this.isGone = isGone;
  }
}

/** The connection over which a run is followed. */
export interface Link {
  /**
   * Does what asks over the connection, again and again until there is an answer.
   *
   * @throws LostError when nothing was heard for as long as patience lasts, or nothing will be
   */
  hold<Result>(work: () => Promise<Result>): Promise<Result>;
}

const ended =
  /Expired|CredentialsProvider|TokenProvider|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|Signature|AccessDenied/;
const gone = /ExecutionDoesNotExist|StateMachineDoesNotExist|NoSuchBucket/;
/** Of this machine's files, which no waiting mends. */
const own = new Set(["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EISDIR", "ENOENT", "ENOTDIR", "EMFILE", "EIO"]);

/** A connection that is given up after so long a silence. @param say tells the person who waits */
export function createLink(patienceSeconds: number, pauseMs: number, say: (text: string) => void): Link {
  let heardAtMs = Date.now();
  let isSilent = false;
  const lost = (error: unknown) => {
    if (own.has(codeOf(error))) throw error;
    const names = namesOf(error);
    if (gone.test(names)) throw new LostError(reasonOf(error), true);
    if (ended.test(names) || statusOf(error) === 403 || Date.now() - heardAtMs > patienceSeconds * 1_000) {
      throw new LostError(reasonOf(error), false);
    }
    if (!isSilent) say(`The connection is lost (${reasonOf(error)}). The run goes on; looking for it again`);
    isSilent = true;
  };
  return {
    async hold(work) {
      for (;;) {
        try {
          const result = await work();
          if (isSilent) say("The connection is back");
          [heardAtMs, isSilent] = [Date.now(), false];
          return result;
        } catch (error) {
          lost(error);
          await delay(pauseMs);
        }
      }
    },
  };
}

function namesOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.cause instanceof Error ? error.cause.name : ""}` : "";
}

function statusOf(error: unknown): unknown {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return memberOf(memberOf(cause, "$metadata"), "httpStatusCode");
}
