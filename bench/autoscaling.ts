/**
 * What autoscaling costs beside an oracle that knows the load, for Petrel's planner, Kubernetes' HPA on CPU and on requests,
 * Knative's autoscaler and a floor of the day before: a queue of fluid, second by second, with replicas that take minutes.
 *
 * Fails where a bar is missed: at a recurring sale 1.10 times the oracle with 6 changes an hour, at surprise sales 1.20 with
 * 10, and elsewhere 1.05 times the better HPA; and where a decision takes more than a millisecond of CPU.
 *
 * Run: node bench/autoscaling.ts [FOLDER] (with worldcup98-minutes.csv and crane-input0.csv, -input6 and -input9: a header, then
 * lines of which the second field is the value of a minute; without it, made loads)
 */
import { hpaCpu, hpaRate, kpa, seasonalFloor } from "./autoscaling/comparators.ts";
import { decisionCosts } from "./autoscaling/decision-cost.ts";
import { petrel } from "./autoscaling/petrel.ts";
import {
  changesPerHour,
  dayBefore,
  daysOf,
  oracle,
  type ScalerMaker,
  type Score,
  Scoring,
} from "./autoscaling/score.ts";
import { type Bar, type Load, REPLICA, realLoads, syntheticLoads } from "./autoscaling/traces.ts";
import { machine } from "./machine.ts";

const SEED = 1;
/** Of made loads, which are others than those of the tests. */
const SYNTHETIC_SEED = 20_260;
const SYNTHETIC_DAYS = 16;
/** CPU that one decision may take. */
const MOST_DECISION_MILLISECONDS = 1;

const SCALERS: Readonly<Record<string, ScalerMaker>> = {
  "HPA cpu": (target) => hpaCpu(target, REPLICA),
  "HPA rps": (target) => hpaRate(target, REPLICA),
  KPA: (target) => kpa(target, REPLICA),
  "floor + HPA": (target, load) => seasonalFloor(target, REPLICA, dayBefore(load)),
  Petrel: (target, load) => petrel(target, load),
};

function isKept(bar: Bar, ratio: number, changes: number, hpa: number): boolean {
  return bar.type === "Cost" ? ratio <= bar.ratio && changes <= bar.changesPerHour : ratio <= bar.times * hpa;
}

function cellOf({ target, result }: Score, ratio: number): string {
  const violations = ((100 * result.violations) / result.requests).toFixed(2);
  return target === undefined
    ? `never (${violations} % at 30 %)`
    : `${ratio.toFixed(3)} (${changesPerHour(result).toFixed(1)} changes an hour, target ${(100 * target).toFixed(0)} %, ` +
        `violations ${violations} %, under ${(100 * result.timeUnder).toFixed(1)} % of the time)`;
}

function show(load: Load): void {
  const scoring = new Scoring(load, SEED);
  const base = scoring.cheapest(oracle).result.replicaSeconds;
  const hours = (base / 3_600).toFixed(0);
  console.log(
    `${load.name}: ${daysOf(load).toFixed(0)} days, cold start ${load.coldStartSeconds} s, oracle ${hours} replica hours`,
  );
  const ratios = new Map<string, number>();
  for (const [name, make] of Object.entries(SCALERS)) {
    const score = scoring.cheapest(make);
    const ratio = score.target === undefined ? Number.POSITIVE_INFINITY : score.result.replicaSeconds / base;
    ratios.set(name, ratio);
    let verdict = "";
    if (name === "Petrel") {
      const hpa = Math.min(ratios.get("HPA cpu") ?? Number.NaN, ratios.get("HPA rps") ?? Number.NaN);
      const kept = isKept(load.bar, ratio, changesPerHour(score.result), hpa);
      if (!kept) process.exitCode = 1;
      verdict = kept ? ": kept" : ": MISSED";
    }
    console.log(`  ${name}: ${cellOf(score, ratio)}${verdict}`);
  }
}

console.log(machine());
for (const [what, milliseconds] of Object.entries(decisionCosts())) {
  const kept = milliseconds <= MOST_DECISION_MILLISECONDS;
  if (!kept) process.exitCode = 1;
  console.log(`decision ${what}: ${milliseconds.toFixed(3)} ms of CPU${kept ? "" : ": MISSED"}`);
}
const folder = process.argv[2];
const loads = folder === undefined ? syntheticLoads(SYNTHETIC_SEED, SYNTHETIC_DAYS) : realLoads(folder);
for (const load of loads) show(load);
