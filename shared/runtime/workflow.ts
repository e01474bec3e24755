import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { nameOf } from "../errors.ts";
import { jsonOf } from "../json.ts";
import type { Deadline } from "./clock.ts";

/** Executions of one workflow; the one owner of these calls. */
export interface Workflow {
  /**
   * Starts an execution under a name; one that runs, or ran within 90 days, under the same name is the same one.
   *
   * @returns whether it begins now; false when the name was used before
   * @throws what the SDK throws when the service does not answer or refuses
   */
  start(name: string, input: object, deadline: Deadline): Promise<boolean>;
  /**
   * The execution that has a name.
   *
   * @throws what the SDK throws when there is none, or the service does not answer or refuses
   */
  find(name: string, deadline: Deadline): Promise<Execution>;
}

/** An execution, as it was started. */
export interface Execution {
  /** Undefined where it is no JSON. */
  readonly input: unknown;
  /** When it ended, in milliseconds since 1970 by the service's clock; undefined while it runs. */
  readonly endedAtMs: number | undefined;
  readonly hasSucceeded: boolean;
}

/** The workflow with this ARN, over the real SDK client. */
export function createWorkflow(stateMachineArn: string): Workflow {
  const client = new SFNClient({ maxAttempts: 2 });
  // Whoever gives a start up does the work without it, while it may have begun: so not before half of the time is gone,
  // and with as much left for doing it.
  const within = (deadline: Deadline) => ({
    abortSignal: AbortSignal.timeout(Math.max(1, Math.floor(deadline.remaining() / 2))),
  });
  return {
    async start(name, input, deadline) {
      const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
      try {
        await client.send(command, within(deadline));
        return true;
      } catch (error) {
        // It runs with another input, or has ended: a repeat of a delivery starts nothing new.
        if (nameOf(error) === "ExecutionAlreadyExists") return false;
        throw error;
      }
    },
    async find(name, deadline) {
      const executionArn = `${stateMachineArn.replace(":stateMachine:", ":execution:")}:${name}`;
      const {
        input = "",
        stopDate,
        status,
      } = await client.send(new DescribeExecutionCommand({ executionArn }), within(deadline));
      const endedAtMs = stopDate === undefined ? undefined : epochMs(stopDate);
      return { input: jsonOf(input), endedAtMs, hasSucceeded: status === "SUCCEEDED" };
    },
  };
}

/** The SDK that is bundled reads texts only (build/esbuild.sdk.mjs): a moment stays the number of seconds that is sent. */
function epochMs(moment: unknown): number {
  if (moment instanceof Date) return moment.getTime();
  return typeof moment === "number" ? moment * 1000 : Number.NaN;
}
