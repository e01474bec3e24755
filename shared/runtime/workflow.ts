import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import type { Deadline } from "./clock.ts";

/** Starts executions of one workflow; the one owner of that call. */
export interface Workflow {
  /**
   * Starts an execution under a name; one that runs, or ran within 90 days, under the same name is the same one.
   *
   * @throws what the SDK throws when the service does not answer or refuses
   */
  start(name: string, input: object, deadline: Deadline): Promise<void>;
}

// Two tries that wait must leave time for doing it without the workflow.
const longestStartMs = 1_500;

/** The workflow with this ARN, over the real SDK client. */
export function createWorkflow(stateMachineArn: string): Workflow {
  const client = new SFNClient({ maxAttempts: 2 });
  return {
    async start(name, input, deadline) {
      const abortSignal = AbortSignal.timeout(
        Math.max(1, Math.min(longestStartMs, Math.floor(deadline.remaining() / 3))),
      );
      try {
        await client.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }), {
          abortSignal,
        });
      } catch (error) {
        // It runs with another input, or has ended: a repeat of a delivery starts nothing new.
        if (error instanceof Error && error.name === "ExecutionAlreadyExists") return;
        throw error;
      }
    },
  };
}
