import type * as z from "zod/mini";
import type { ErrorName } from "../errors.ts";
import type { RouteKey } from "./operation.ts";

/** What the API's description (dist/openapi.json) says of a route beside what the operation itself says; of no bundle. */
export interface RouteDescription {
  /** A name for generated clients. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** By status: in words, and as a schema; without a schema there is no body. */
  readonly answers: Readonly<Record<number, readonly [words: string, ...schemas: z.ZodMiniType[]]>>;
  readonly errors: readonly ErrorName[];
  /** Errors come with other statuses than their own, too. */
  readonly otherStatuses?: true;
}

/** The descriptions of an operation's routes; a file exports a function that gives them, which no bundle keeps. */
export type RouteDescriptions = Readonly<Record<RouteKey, RouteDescription>>;

/** Errors by where they come from, for descriptions. */
export const errorsOf = {
  edge: ["InvalidInputError", "RouteNotFoundError", "MethodNotAllowedError"],
  body: ["PayloadTooLargeError", "UnsupportedMediaTypeError"],
  session: ["ConfigurationError", "SecretsUnavailableError", "RenewalLimitedError"],
  platform: ["PlatformThrottledError", "PlatformReplyError", "PlatformUnavailableError"],
  device: ["ApplicationNotAuthorizedError", "DeviceNotFoundError", "AccessTokenRejectedError"],
  change: [
    "NodeIdTakenError",
    "NodeIdChangedError",
    "DeviceNotActiveError",
    "DeviceOnlineError",
    "OutcomeUnknownError",
  ],
} as const satisfies Record<string, readonly ErrorName[]>;
