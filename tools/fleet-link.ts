import { setTimeout as delay } from "node:timers/promises";
import { RekeyError } from "../shared/errors.ts";
import { memberOf } from "../shared/json.ts";
import { reasonOf } from "./fleet-words.ts";

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
   * @throws LostError when nothing was heard for as long as patience lasts, or nothing will be; what is no matter of
   * the connection is thrown as it is, at once
   */
  hold<Result>(work: () => Promise<Result>): Promise<Result>;
}

const ended =
  /Expired|CredentialsProvider|TokenProvider|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|Signature|AccessDenied/;
const gone = /ExecutionDoesNotExist|StateMachineDoesNotExist|NoSuchBucket/;
/** 4xx that pass by themselves; what cannot be parsed was answered by something in between. */
const passing = /Throttling|TooManyRequests|RequestTimeout|SyntaxError/;

/** A connection that is given up after so long a silence. @param say tells the person who waits */
export function createLink(patienceSeconds: number, pauseMs: number, say: (text: string) => void): Link {
  // From the first failure, not from what was heard last: a machine that slept has not looked in vain yet.
  let silentSinceMs: number | undefined;
  const lost = (error: unknown) => {
    const names = namesOf(error);
    if (gone.test(names)) throw new LostError(reasonOf(error), true);
    if (ended.test(names) || statusOf(error) === 403) throw new LostError(reasonOf(error), false);
    if (!isOfConnection(error)) throw error;
    if (silentSinceMs === undefined)
      say(`The connection is lost (${reasonOf(error)}). The run goes on; looking for it again`);
    silentSinceMs ??= Date.now();
    if (Date.now() - silentSinceMs > patienceSeconds * 1_000) throw new LostError(reasonOf(error), false);
  };
  return {
    async hold(work) {
      for (;;) {
        try {
          const result = await work();
          if (silentSinceMs !== undefined) say("The connection is back");
          silentSinceMs = undefined;
          return result;
        } catch (error) {
          lost(error);
          await delay(pauseMs);
        }
      }
    },
  };
}

/** Whether it is the network or the service that failed, which waiting may mend. */
function isOfConnection(error: unknown): boolean {
  if (error instanceof RekeyError) return error.retryable;
  // The SDK's mark on whatever a request of its ends with.
  if (memberOf(error, "$metadata") === undefined) return false;
  const status = Number(statusOf(error) ?? 0);
  return status < 400 || status >= 500 || status === 408 || status === 429 || passing.test(namesOf(error));
}

function namesOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.cause instanceof Error ? error.cause.name : ""}` : "";
}

function statusOf(error: unknown): unknown {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return memberOf(memberOf(cause, "$metadata"), "httpStatusCode");
}
