import type middy from "@middy/core";
import type { Context } from "aws-lambda";
import type { Fault } from "../errors.ts";
import type { Invocation } from "./operation.ts";
import type { HttpEvent } from "./request.ts";

/** What the middlewares of one invocation tell each other, in `request.internal`: no two invocations share it. */
export interface Internal extends Record<string, unknown> {
  /** By the clock's even time. */
  startedAtMs: number;
  /** In every line and every answer of the invocation. */
  requestId: string;
  /** What came through the gateway; undefined: the function was invoked directly. */
  http: HttpEvent | undefined;
  /** What does not belong into the request, found while its route put the input together. */
  faults: readonly Fault[];
}

declare module "aws-lambda/handler.js" {
  interface Context {
    /** What an operation is given beside its input; {@link invocationContext} puts it there. */
    invocation: Invocation;
  }
}

/** One invocation on its way through the chain. */
export type Request = middy.Request<unknown, unknown, Error, Context, Internal>;

/** A link of the chain. */
export type Middleware = middy.MiddlewareObj<unknown, unknown, Error, Context, Internal>;
