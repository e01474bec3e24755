import type * as z from "zod/mini";
import type { Fault } from "../errors.ts";
import type { Deadline } from "../runtime/clock.ts";
import type { SecretName } from "../runtime/config.ts";
import type { Log } from "../runtime/log.ts";
import type { Sandbox, SandboxWithSecrets } from "../runtime/sandbox.ts";
import type { HttpEvent } from "./request.ts";

/** What an invocation gives to an operation beside its input. */
export interface Invocation {
  readonly deadline: Deadline;
  readonly log: Log;
  readonly requestId: string;
  /** Who calls: an ARN, a token's subject, or `direct invocation`. */
  readonly caller: string;
}

/** Method and path as API Gateway writes a route's key: `PUT /devices/{deviceId}/key`. */
export type RouteKey = `${"GET" | "POST" | "PUT"} /${string}`;

/** One route of an operation. */
export interface Route {
  /** The gateway lets everybody in; absent: only whom an authorizer let in. */
  readonly open?: true;
  /** A stranger's X-Request-Id is not taken over: what an id of ours stands in is no place for others to write into. */
  readonly ownRequestId?: true;
  /** Where the fields of the input stand, beside those that the path names; of two parts with one field the later counts. */
  readonly takes?: readonly RequestPart[];
}

/** A part of a request with fields of the input: see route-input.ts. */
export interface RequestPart {
  /** `request`: none of the others, but what the route makes of the request as a whole. */
  readonly in: "body" | "query" | "header" | "request";
  readonly fields: readonly string[];
  /** The header's name. */
  readonly name?: string;
  /** Reads them; adds to `faults` what does not belong there. @throws the edge's errors */
  read(event: HttpEvent, faults: Fault[]): object;
}

/** An operation's routes by their keys. */
export type Routes = Readonly<Record<RouteKey, Route>>;

/** What an operation is, at both entrances; its name is its file's. */
export interface Operation<Input extends z.ZodMiniType, Output extends z.ZodMiniType, Dependencies> {
  readonly input: Input;
  /** What leaves; nothing that it does not name. */
  readonly output: Output;
  /** Absent: it is invoked directly only. */
  readonly routes?: Routes;
  /** API Gateway's `$default` route leads here: it answers 404 and 405 for the routes of all. */
  readonly isDefault?: true;
  /** It works on the objects of fleet runs: its bundle holds the whole SDK, of which S3's client needs what others do not. */
  readonly usesBucket?: true;
  run(input: z.output<Input>, invocation: Invocation, dependencies: Dependencies): Promise<z.input<Output>>;
  /** The status of an answer over HTTP; 200 when absent. */
  statusOf?(output: z.output<Output>): number;
}

/** How an operation's dependencies are made, once a sandbox. */
export type Wiring<Dependencies> = WiringWithSecrets<Dependencies> | WiringWithoutSecrets<Dependencies>;

interface WiringWithSecrets<Dependencies> {
  /** The secrets that it reads or writes, by the configuration's names for them. */
  readonly secrets: readonly SecretName[];
  /**
   * Those of them that every cold invocation needs: their reads begin while the bundle is being loaded, and the
   * connection to the platform as soon as the application's secret is there.
   */
  readonly readAhead: readonly SecretName[];
  dependencies(sandbox: SandboxWithSecrets): Dependencies;
}

/** It has nothing to do with secrets, and its bundle holds no client of their store. */
interface WiringWithoutSecrets<Dependencies> {
  readonly secrets?: undefined;
  readonly readAhead?: undefined;
  dependencies(sandbox: Sandbox): Dependencies;
}

/**
 * Says what an operation is. Nothing is made and nothing is read before the function that the build wraps around it
 * (build/entries.mjs) asks for its dependencies.
 */
export function defineOperation<Input extends z.ZodMiniType, Output extends z.ZodMiniType, Dependencies>(
  operation: Operation<Input, Output, Dependencies> & WiringWithSecrets<Dependencies>,
): Operation<Input, Output, Dependencies> & WiringWithSecrets<Dependencies>;
export function defineOperation<Input extends z.ZodMiniType, Output extends z.ZodMiniType, Dependencies>(
  operation: Operation<Input, Output, Dependencies> & WiringWithoutSecrets<Dependencies>,
): Operation<Input, Output, Dependencies> & WiringWithoutSecrets<Dependencies>;
export function defineOperation<Operation>(operation: Operation): Operation {
  return operation;
}
