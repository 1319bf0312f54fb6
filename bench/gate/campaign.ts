/**
 * A campaign: many runs of the same traffic with fresh users' arms and groups, each shown to all gates at once, and how
 * often and when each raised its alarm.
 */
import { type EpochEvidence, emptyCell, USER_GROUPS } from "../../src/stats/evidence.ts";
import { WEIGHT_SCALE } from "../../src/stats/sample-ratio.ts";
import { Chance } from "../../src/stats/testdata/chance.ts";
import type { Gate, Look } from "./gate.ts";
import { type SessionTable, Shop, type ShopDescription } from "./shop.ts";

/** One kind of traffic. */
export interface Scenario {
  readonly name: string;
  readonly shop: ShopDescription;
  /** What the candidate does to each user's click-through: -0.2 for 20 % lower. */
  readonly change: number;
  /** The candidate's weights of 10,000, each for an equal part of the time. */
  readonly weights: readonly number[];
  readonly minutes: number;
  readonly requestsPerMinute: number;
  readonly minutesBetweenLooks: number;
  /** Whether requests and click-through follow the time of the day: up to 3 times as much by day as by night. */
  readonly isDiurnal?: boolean;
}

/** What one gate did. */
export interface GateResult {
  readonly gate: string;
  readonly runs: number;
  readonly alarms: number;
  /** Minutes until the alarm in the median run; infinite when it had none. */
  readonly medianMinutes: number;
}

/** Users are drawn anew after so many runs; their arms and groups in each. */
const RUNS_PER_SHOP = 20;
const DAY_MINUTES = 1_440;
const NIGHT_FACTOR = 1 / 3;

/** Runs all gates over the same traffic. */
export function runCampaign(
  scenario: Scenario,
  gates: readonly Gate[],
  runs: number,
  seed: number,
): GateResult[] {
  const chance = new Chance(seed);
  const alarmMinutes = gates.map(() => [] as number[]);
  let shop = new Shop(scenario.shop, scenario.change, chance);
  for (let run = 0; run < runs; run++) {
    if (run > 0 && run % RUNS_PER_SHOP === 0 && scenario.shop.users !== "Independent") {
      shop = new Shop(scenario.shop, scenario.change, chance);
    }
    shop.shuffle(chance);
    const waiting = new Map(gates.map((gate, index) => [index, gate.start()]));
    for (const look of traffic(scenario, shop, chance)) {
      for (const [index, isAlarmed] of waiting) {
        if (!isAlarmed(look)) continue;
        alarmMinutes[index]?.push(look.minute);
        waiting.delete(index);
      }
      if (waiting.size === 0) break;
    }
  }
  return gates.map(({ name }, index) => {
    const minutes = (alarmMinutes[index] ?? []).toSorted((a, b) => a - b);
    return {
      gate: name,
      runs,
      alarms: minutes.length,
      medianMinutes: minutes[Math.floor((runs - 1) / 2)] ?? Number.POSITIVE_INFINITY,
    };
  });
}

/** One run, look by look. The evidence in the looks is the same object all the time, and grows. */
function* traffic(scenario: Scenario, shop: Shop, chance: Chance): Generator<Look> {
  const { minutes, weights, minutesBetweenLooks } = scenario;
  const evidence: (EpochEvidence & Record<"candidate" | "stable", ReturnType<typeof emptyCell>>)[] = [];
  let sessions: SessionTable | undefined;
  const since = new Float64Array(4);
  for (let minute = 0; minute < minutes; minute++) {
    const epoch = Math.floor((minute * weights.length) / minutes);
    const weight = weights[epoch] ?? 0;
    if (epoch >= evidence.length || sessions === undefined) {
      evidence.push({ candidate: emptyCell(), stable: emptyCell() });
      sessions = shop.sessions(weight, scenario.change);
    }
    const cells = evidence[epoch];
    if (cells === undefined) throw new Error("expected an epoch of evidence");
    drawMinute(scenario, sessions, minute, cells, since, chance);
    if ((minute + 1) % minutesBetweenLooks !== 0) continue;
    const [candidateRequests = 0, candidateClicks = 0, stableRequests = 0, stableClicks = 0] = since;
    yield {
      minute: minute + 1,
      share: weight / WEIGHT_SCALE,
      candidate: { requests: candidateRequests, clicks: candidateClicks },
      stable: { requests: stableRequests, clicks: stableClicks },
      evidence,
    };
    since.fill(0);
  }
}

/** Adds one minute to the cells, and to the sums since the last look. */
function drawMinute(
  { requestsPerMinute, isDiurnal }: Scenario,
  { table, requests }: SessionTable,
  minute: number,
  { candidate, stable }: Record<"candidate" | "stable", ReturnType<typeof emptyCell>>,
  since: Float64Array,
  chance: Chance,
): void {
  const daylight = isDiurnal === true ? daylightAt(minute) : 1;
  const count = Math.round((requestsPerMinute / requests) * daylight);
  for (let session = 0; session < count; session++) {
    const outcome = table.draw(chance);
    let clicks = outcome % (requests + 1);
    const place = (outcome - clicks) / (requests + 1);
    // By night each click is made with a lower chance, which is that of a lower click-through of every user.
    if (daylight < 1) clicks = kept(clicks, daylight, chance);
    const isStable = place >= USER_GROUPS;
    const cell = isStable ? stable : candidate;
    const group = place & (USER_GROUPS - 1);
    cell.answers[group] = (cell.answers[group] ?? 0) + requests;
    cell.sums[group] = (cell.sums[group] ?? 0) + clicks;
    const at = isStable ? 2 : 0;
    since[at] = (since[at] ?? 0) + requests;
    since[at + 1] = (since[at + 1] ?? 0) + clicks;
  }
}

/** From a third, at the start, to 1 after half a day. */
function daylightAt(minute: number): number {
  return NIGHT_FACTOR + ((1 - NIGHT_FACTOR) * (1 - Math.cos((2 * Math.PI * minute) / DAY_MINUTES))) / 2;
}

function kept(clicks: number, probability: number, chance: Chance): number {
  let left = 0;
  for (let click = 0; click < clicks; click++) if (chance.uniform() < probability) left++;
  return left;
}
