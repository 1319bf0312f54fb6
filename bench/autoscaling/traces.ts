/**
 * The loads of the replay: real traces of a folder, and made ones, alone and with sales on top.
 *
 * All are scaled to a peak of 40 replicas at 70 %, before sales come on top.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AddedLoad,
  type LoadTrace,
  scaledTo,
  secondsOf,
  withAdded,
} from "../../src/cli/simulate/load-trace.ts";
import { syntheticCrowds, syntheticShop } from "../../src/cli/simulate/synthetic-trace.ts";
import { Chance } from "../../src/stats/chance.ts";

/** Requests a second of a replica: 4 at once, of 0.2 s. */
export const REPLICA = { concurrency: 4, serviceSeconds: 0.2, perSecond: 20 } as const;
const PEAK = 40 * 0.7 * REPLICA.perSecond;
const DAY_SECONDS = 86_400;
const MINUTES_PER_DAY = 1_440;

/** What is asked of a planner on a load: to be held to a cost and to changes, or to HPA. */
export type Bar =
  | { readonly type: "Cost"; readonly ratio: number; readonly changesPerHour: number }
  | { readonly type: "Hpa"; readonly times: number };

/** A load, and what is asked on it. */
export interface Load {
  readonly name: string;
  readonly trace: LoadTrace;
  readonly coldStartSeconds: number;
  readonly bar: Bar;
}

const RECURRING: Bar = { type: "Cost", ratio: 1.1, changesPerHour: 6 };
const SURPRISE: Bar = { type: "Cost", ratio: 1.2, changesPerHour: 10 };
const AS_HPA: Bar = { type: "Hpa", times: 1.05 };

/** Sales of every day. */
interface DailySale {
  readonly name: string;
  readonly hours: readonly number[];
  readonly lastsSeconds: number;
  readonly rampSeconds: number;
  /** They begin earlier or later by up to so much. */
  readonly wanderSeconds: number;
}

const HALF_HOURS: DailySale = {
  ...{ name: "sales each day at 10:00 and 20:00", hours: [10, 20] },
  ...{ lastsSeconds: 1_800, rampSeconds: 300, wanderSeconds: 0 },
};
const ABRUPT: DailySale = {
  ...{ name: "an abrupt sale each day at 12:00", hours: [12] },
  ...{ lastsSeconds: 3_600, rampSeconds: 0, wanderSeconds: 0 },
};
const WANDERING: DailySale = {
  ...{ name: "an abrupt sale each day within 5 minutes of 15:00", hours: [15] },
  ...{ lastsSeconds: 3_600, rampSeconds: 0, wanderSeconds: 300 },
};

/** The trace with sales of 0.6 times the peak. */
function withDaily(
  trace: LoadTrace,
  { hours, lastsSeconds, rampSeconds, wanderSeconds }: DailySale,
): LoadTrace {
  const chance = new Chance(17);
  const days = Math.floor(secondsOf(trace) / DAY_SECONDS);
  const sales = Array.from({ length: days }, (_, day) =>
    hours.map((hour): AddedLoad => {
      const late = Math.round(wanderSeconds * (2 * chance.uniform() - 1));
      const fromSecond = day * DAY_SECONDS + hour * 3_600 + late;
      return { fromSecond, lastsSeconds, rampSeconds, rate: 0.6 * PEAK };
    }),
  );
  return withAdded(trace, sales.flat());
}

/** Three hours that nobody announced, of 1.5 times the peak. */
function surpriseSales(trace: LoadTrace): LoadTrace {
  const at = [
    [3, 11.3],
    [8, 5.2],
    [12, 16.7],
  ] as const;
  const sales = at.map(([day, hour]) => ({
    ...{ fromSecond: day * DAY_SECONDS + hour * 3_600, lastsSeconds: 3_600, rate: 1.5 * PEAK },
  }));
  return withAdded(trace, sales);
}

function withSales(name: string, trace: LoadTrace): readonly Load[] {
  const recurring = [HALF_HOURS, ABRUPT].flatMap((sale) =>
    [180, 420].map((coldStartSeconds): Load => {
      return {
        name: `${name}, ${sale.name}`,
        trace: withDaily(trace, sale),
        coldStartSeconds,
        bar: RECURRING,
      };
    }),
  );
  return [
    { name, trace, coldStartSeconds: 180, bar: AS_HPA },
    ...recurring,
    { name: `${name}, 3 surprise sales`, trace: surpriseSales(trace), coldStartSeconds: 180, bar: SURPRISE },
  ];
}

function traceOf(file: string, from = 0, days = Number.POSITIVE_INFINITY): LoadTrace {
  const lines = readFileSync(file, "utf8").trim().split("\n").slice(1);
  const minutes = lines.slice(from * MINUTES_PER_DAY, (from + days) * MINUTES_PER_DAY);
  const rates = Float64Array.from(minutes, (line) => Number(line.split(",")[1]));
  return scaledTo({ startMilliseconds: 0, stepSeconds: 60, rates }, PEAK);
}

/** The loads of the reference table first, then others. */
export function realLoads(folder: string): readonly Load[] {
  const worldCup = join(folder, "worldcup98-minutes.csv");
  const alone = (name: string, trace: LoadTrace): Load => ({
    name,
    trace,
    coldStartSeconds: 180,
    bar: AS_HPA,
  });
  return [
    alone("World Cup, 14 days from day 40", traceOf(worldCup, 40, 14)),
    ...withSales("crane, input9", traceOf(join(folder, "crane-input9.csv"))),
    alone("World Cup, 14 days from day 24", traceOf(worldCup, 24, 14)),
    alone("World Cup, 14 days from day 58", traceOf(worldCup, 58, 14)),
    alone("crane, input6", traceOf(join(folder, "crane-input6.csv"))),
    alone("crane, input0", traceOf(join(folder, "crane-input0.csv"))),
  ];
}

/** Made loads, other ones for each seed. */
export function syntheticLoads(seed: number, days: number): readonly Load[] {
  const shop = scaledTo(syntheticShop(days, new Chance(seed)), PEAK);
  const crowds = scaledTo(syntheticCrowds(days, new Chance(seed + 1)), PEAK);
  return [
    ...withSales("shop", shop),
    {
      ...{ name: `shop, ${WANDERING.name}`, trace: withDaily(shop, WANDERING) },
      ...{ coldStartSeconds: 180, bar: RECURRING },
    },
    { name: "crowds without hours", trace: crowds, coldStartSeconds: 180, bar: AS_HPA },
  ];
}
