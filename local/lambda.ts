import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { invokeFace } from "./invoke-face.ts";
import { listen } from "./listener.ts";
import { type FunctionSettings, type Outcome, type Sandbox, startSandbox } from "./sandbox.ts";

/** A function of the local Lambda. */
export interface LocalFunction extends FunctionSettings {
  /** Sandboxes at most; further invocations wait. Default 10. */
  readonly maxConcurrency?: number;
}

/** Settings of the local Lambda. */
export interface LambdaOptions {
  readonly functions: Readonly<Record<string, LocalFunction>>;
  /** Is asked for more environment whenever a sandbox starts; a function's own wins. */
  readonly environment?: () => Readonly<Record<string, string>>;
  /** Port of the Invoke API; default 0: any free one. */
  readonly port?: number;
  readonly region?: string;
  readonly account?: string;
  /** Waits before the repeats of a failed asynchronous invocation. Default 1 s and 2 s; Lambda waits 1 and 2 minutes. */
  readonly retryDelaysMilliseconds?: readonly number[];
  /** Stops sandboxes between invocations, as Lambda does. Default false: a stopped one outlives a SIGKILL of this process. */
  readonly freezeIdle?: boolean;
  /** Is given every line that a function writes. */
  readonly onLine?: (functionName: string, line: string) => void;
}

/** An asynchronous invocation that failed for good. */
export interface DeadLetter {
  readonly functionName: string;
  readonly requestId: string;
  readonly event: unknown;
  readonly outcome: Outcome;
}

/** One line of a function's log. */
export interface LogLine {
  readonly functionName: string;
  readonly line: string;
}

/** A running local Lambda. */
export interface Lambda {
  /** For `AWS_ENDPOINT_URL_LAMBDA`. */
  readonly url: string;
  readonly functionNames: readonly string[];
  /** @throws {RangeError} when there is no such function */
  invoke(functionName: string, event: unknown, requestId?: string): Promise<Outcome>;
  /** Returns at once; failures are repeated twice and then become a dead letter. */
  invokeAsync(functionName: string, event: unknown): string;
  /** Resolves when no asynchronous invocation is under way any more. */
  settled(): Promise<void>;
  readonly deadLetters: readonly DeadLetter[];
  /** The newest 10,000. */
  readonly lines: readonly LogLine[];
  /**
   * Starts sandboxes, a few at a time, until so many are idle, as provisioned concurrency does: each is cold, and how long
   * this machine takes to start them all is no part of an invocation.
   *
   * @throws {Error} none of those that were begun together has started
   */
  provision(functionName: string, sandboxes: number): Promise<void>;
  /** The sandboxes that live, idle or not. */
  sandboxes(functionName: string): readonly Sandbox[];
  /** Kills the sandboxes of one function or of all, so that the next invocation is a cold one. */
  recycle(functionName?: string): Promise<void>;
  close(): Promise<void>;
}

const startsTogether = 4;
const keptLines = 10_000;

interface Pool {
  readonly settings: LocalFunction;
  readonly all: Set<Sandbox>;
  readonly idle: Sandbox[];
  readonly waiting: (() => void)[];
  /** Invocations under way, starting sandboxes included. */
  active: number;
}

/** Starts pools of sandboxes and the Invoke API in front of them. Sandboxes start when they are needed. */
export async function startLambda(options: LambdaOptions): Promise<Lambda> {
  const pools = new Map<string, Pool>();
  for (const [name, settings] of Object.entries(options.functions)) {
    pools.set(name, { settings, all: new Set(), idle: [], waiting: [], active: 0 });
  }
  const lines: LogLine[] = [];
  const deadLetters: DeadLetter[] = [];
  const asynchronous = new Set<Promise<void>>();
  const closed = new AbortController();

  function poolOf(functionName: string): Pool {
    const pool = pools.get(functionName);
    if (pool === undefined) throw new RangeError(`Function not found: ${functionName}`);
    return pool;
  }

  async function start(functionName: string, pool: Pool): Promise<Sandbox> {
    const { region, account, onLine } = options;
    const sandbox = await startSandbox({
      ...pool.settings,
      functionName,
      environment: { ...options.environment?.(), ...pool.settings.environment },
      ...(region === undefined ? {} : { region }),
      ...(account === undefined ? {} : { account }),
      onLine: (line) => {
        lines.push({ functionName, line });
        if (lines.length > keptLines) lines.shift();
        onLine?.(functionName, line);
      },
    });
    pool.all.add(sandbox);
    // Closed while it was starting: nobody else would end it.
    if (closed.signal.aborted) await sandbox.close();
    return sandbox;
  }

  async function invoke(functionName: string, event: unknown, requestId: string = randomUUID()): Promise<Outcome> {
    const pool = poolOf(functionName);
    while (pool.active >= (pool.settings.maxConcurrency ?? 10)) {
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
    pool.active += 1;
    try {
      const sandbox = warm(pool) ?? (await start(functionName, pool));
      if (options.freezeIdle) sandbox.thaw();
      const outcome = await sandbox.invoke(event, requestId);
      if (!sandbox.alive) {
        pool.all.delete(sandbox);
      } else {
        if (options.freezeIdle) sandbox.freeze();
        pool.idle.push(sandbox);
      }
      return outcome;
    } finally {
      pool.active -= 1;
      pool.waiting.shift()?.();
    }
  }

  async function provision(functionName: string, sandboxes: number): Promise<void> {
    const pool = poolOf(functionName);
    const missing = () => sandboxes - pool.idle.filter(({ alive }) => alive).length;
    while (missing() > 0) {
      const begun = Array.from({ length: Math.min(missing(), startsTogether) }, () => start(functionName, pool));
      const started = (await Promise.all(begun)).filter(({ alive }) => alive);
      if (started.length === 0) throw new Error(`${functionName} does not start`);
      pool.idle.push(...started);
    }
  }

  async function attempts(functionName: string, event: unknown, requestId: string): Promise<void> {
    let outcome = await invoke(functionName, event, requestId);
    for (const milliseconds of options.retryDelaysMilliseconds ?? [1000, 2000]) {
      if (outcome.ok || closed.signal.aborted) return;
      await delay(milliseconds, undefined, { signal: closed.signal }).catch(() => undefined);
      outcome = await invoke(functionName, event, requestId);
    }
    if (!outcome.ok) deadLetters.push({ functionName, requestId, event, outcome });
  }

  function invokeAsync(functionName: string, event: unknown): string {
    poolOf(functionName);
    const requestId = randomUUID();
    const work = attempts(functionName, event, requestId).finally(() => asynchronous.delete(work));
    asynchronous.add(work);
    return requestId;
  }

  async function recycle(functionName?: string): Promise<void> {
    const chosen = functionName === undefined ? [...pools.values()] : [poolOf(functionName)];
    await Promise.all(chosen.flatMap((pool) => [...pool.all].map((sandbox) => sandbox.close())));
    for (const pool of chosen) {
      pool.all.clear();
      pool.idle.length = 0;
    }
  }

  const face = invokeFace({
    has: (name) => pools.has(name),
    invoke,
    invokeAsync,
    lines: (name) => lines.filter((one) => one.functionName === name),
  });
  const server = await listen(face, options.port);
  return {
    url: server.url,
    functionNames: [...pools.keys()],
    invoke,
    invokeAsync,
    provision,
    settled: async () => {
      while (asynchronous.size > 0) await Promise.allSettled(asynchronous);
    },
    deadLetters,
    lines,
    sandboxes: (name) => [...poolOf(name).all].filter((one) => one.alive),
    recycle,
    close: async () => {
      closed.abort();
      await server.down();
      await recycle();
    },
  };
}

/** An idle sandbox that still lives: the one used last, as Lambda does. */
function warm(pool: Pool): Sandbox | undefined {
  for (let sandbox = pool.idle.pop(); sandbox !== undefined; sandbox = pool.idle.pop()) {
    if (sandbox.alive) return sandbox;
    pool.all.delete(sandbox);
  }
  return undefined;
}
