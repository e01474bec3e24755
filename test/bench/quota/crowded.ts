import {
  endingOf,
  type Finding,
  firstRound,
  holds,
  judged,
  perMinute,
  refusedOf,
  rightLines,
  rounded,
  seconds,
  shareRefused,
  told,
} from "./findings.ts";
import { quota, startStage, until } from "./stage.ts";
import { type Habits, startStranger, strangersDevice } from "./stranger.ts";

const latencyMs = 2_000;
const limitSeconds = 120;
/** As many calls at once, each minute, as a run leaves free. */
const habits: Habits = { loginEveryMs: 20_000, burstEveryMs: 60_000, callsAtOnce: 5 };

/**
 * A run whose application a stranger uses, too: it logs in, which kills our token, and calls in bursts, until each device
 * was asked for once. (A conflict that goes on for longer than six minutes uses up what may be renewed.)
 *
 * Of a minute's hundred calls, the run may make what the stranger leaves. Both are counted as the platform does, calls
 * that it refused for want of quota left out, from the run's first call until each device was asked for once: later on
 * the run waits for devices that are online.
 */
export async function crowded(devices: number): Promise<Finding[]> {
  const stage = await startStage(latencyMs);
  const deviceIds = stage.devices("meter-", devices);
  const online = new Set(deviceIds.filter((_, at) => at % 20 === 7));
  for (const deviceId of online) stage.simulator.devices.goOnline(deviceId);
  const stranger = startStranger(stage.simulator, habits);
  try {
    const { ended } = await stage.begin("crowded", deviceIds, { limitSeconds });
    let isOver = false;
    const over = ended.then((ending) => {
      isOver = true;
      return ending;
    });
    const unseen = new Set(deviceIds);
    await until(
      () => {
        for (const { deviceId } of stage.calls) unseen.delete(deviceId);
        return isOver || unseen.size === 0;
      },
      3_600_000,
      "a call for each device",
    );
    stranger.stop();
    const ending = await over;
    const round = firstRound(stage.calls, deviceIds);
    const isStrangers = ({ deviceId }: { deviceId: string }) => deviceId === strangersDevice;
    const own = stage.calls.filter((call) => !isStrangers(call));
    const ownInRound = round.filter((call) => !isStrangers(call));
    const fromMs = ownInRound[0]?.atMs ?? 0;
    const theirs = round.filter((call) => isStrangers(call) && call.atMs >= fromMs);
    const minutes = ((ownInRound.at(-1)?.atMs ?? 0) - fromMs) / 60_000;
    const taken = (theirs.length - refusedOf(theirs)) / minutes;
    const used = (ownInRound.length - refusedOf(ownInRound)) / minutes;
    const killed = own.filter(({ code }) => code === "1010005").length;
    return [
      holds("the execution", endingOf(ending), "SUCCEEDED"),
      ...rightLines(stage, "crowded", deviceIds, online),
      told("calls a minute that the stranger took", `${rounded(taken)}, in bursts of ${habits.callsAtOnce}`),
      told("calls a minute that the run made", rounded(used)),
      judged("of what the stranger left", (100 * used) / (quota.calls - taken), { least: 95 }, " %"),
      judged("of the run's calls refused", shareRefused(own), { most: 1 }, " %"),
      told(
        "calls of the run",
        `${own.length} for ${devices} devices; ${refusedOf(own)} refused, ${killed} met a dead token`,
      ),
      told(
        "logins of the stranger, of ours",
        `${stranger.logins()}, ${stage.simulator.counters.requests.login + stage.simulator.counters.requests.refreshToken - stranger.logins()}`,
      ),
      told("calls a minute, pauses included", rounded(perMinute(ownInRound))),
      told("until each device was asked for", seconds(minutes * 60_000)),
    ];
  } finally {
    stranger.stop();
    await stage.close();
  }
}
