import { setTimeout as delay } from "node:timers/promises";
import { type Container, startContainer } from "./container.ts";
import { spreadOf } from "./figures.ts";
import { type Contender, contenders, openStage, type Stage } from "./stage.ts";

/** What one contender came to at one distance, a figure a round. */
export interface Samples {
  readonly coldMs: number[];
  /** The median of a round's warm calls. */
  readonly warmMs: number[];
  /** After the warm calls. */
  readonly residentBytes: number[];
}

/** Samples by contender, by the round trip to the platform in milliseconds. */
export type Measured = Record<string, Record<Contender, Samples>>;

/** Where the platform stands, in milliseconds there and back. */
export const roundTripsMs = [0, 20, 50] as const;

// A naive warm call takes a third of a second at 50 ms.
const warmCalls = (roundTripMs: number) => (roundTripMs === 0 ? 100 : 10);

/** Runs all contenders at all distances, in a new random order each round, their warm calls taking turns. */
export async function measure(rounds: number, told: (line: string) => void): Promise<Measured> {
  const measured: Measured = {};
  const stages: Stage[] = [];
  for (const roundTripMs of roundTripsMs) {
    stages.push(await openStage(roundTripMs));
    measured[roundTripMs] = {
      bare: emptySamples(),
      floor: emptySamples(),
      naive: emptySamples(),
      ours: emptySamples(),
    };
  }
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const stage of shuffled(stages)) {
        const found = await measureRound(stage);
        // The first round fills the machine's caches.
        if (round > 0) keep(measured[stage.roundTripMs], found);
      }
      told(round === 0 ? "warmed up" : `round ${round} of ${rounds}`);
    }
  } finally {
    for (const stage of stages) await stage.close();
  }
  return measured;
}

const emptySamples = (): Samples => ({ coldMs: [], warmMs: [], residentBytes: [] });

type Found = Map<Contender, { coldMs: number; warmMs: number; residentBytes: number }>;

function keep(into: Record<Contender, Samples> | undefined, found: Found): void {
  for (const [contender, { coldMs, warmMs, residentBytes }] of found) {
    into?.[contender].coldMs.push(toMicroseconds(coldMs));
    into?.[contender].warmMs.push(toMicroseconds(warmMs));
    into?.[contender].residentBytes.push(residentBytes);
  }
}

const toMicroseconds = (milliseconds: number) => Math.round(milliseconds * 1000) / 1000;

async function measureRound(stage: Stage): Promise<Found> {
  const running = new Map<Contender, Container>();
  const warm = new Map<Contender, number[]>(contenders.map((one) => [one, []]));
  try {
    for (const contender of shuffled(contenders)) {
      const container = await startContainer(stage.containerOf(contender), stage.event);
      running.set(contender, container);
      assertAnswer(contender, container.firstAnswer);
    }
    for (let call = 0; call < warmCalls(stage.roundTripMs); call += 1) {
      for (const [contender, container] of shuffled([...running])) {
        const startedAt = performance.now();
        const answer = await container.invoke(stage.event);
        warm.get(contender)?.push(performance.now() - startedAt);
        assertAnswer(contender, answer);
      }
    }
    const found: Found = new Map();
    for (const [contender, container] of running) {
      const warmMs = spreadOf(warm.get(contender) ?? []).median;
      found.set(contender, { coldMs: container.coldMs, warmMs, residentBytes: await container.residentBytes() });
    }
    return found;
  } finally {
    for (const container of running.values()) await container.close();
  }
}

/** A contender that does not do the job must not win. */
function assertAnswer(contender: Contender, answer: unknown): void {
  const done =
    typeof answer === "object" &&
    answer !== null &&
    "deviceId" in answer &&
    (contender === "bare" || "verifyCode" in answer);
  if (!done) throw new Error(`${contender} answers ${JSON.stringify(answer)}`);
}

/**
 * Stops a container, closes its connections on the platform's side, lets it go on and calls it, over and over.
 *
 * @returns how many calls failed
 */
export async function freezeAndThaw(contender: Contender, times: number): Promise<number> {
  const stage = await openStage(0);
  let failed = 0;
  try {
    const container = await startContainer(stage.containerOf(contender), stage.event);
    for (let time = 0; time < times; time += 1) {
      container.freeze();
      await delay(5);
      stage.simulators.get(contender)?.dropConnections();
      await delay(5);
      const answer = container.invoke(stage.event).then(
        (reply) => assertAnswer(contender, reply),
        () => {
          failed += 1;
        },
      );
      container.thaw();
      await answer;
    }
    await container.close();
  } finally {
    await stage.close();
  }
  return failed;
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
