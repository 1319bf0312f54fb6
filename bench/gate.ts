/**
 * The quality gate on a simulated shop, beside gates as others build them, all shown the same traffic: how often each
 * raises a false alarm, how soon it finds harm, how often it promotes what is exactly at the margin. Petrel's gates are
 * the code that judges a release, `src/core/rollout/gates`, itself.
 *
 * Nothing of it depends on the machine but the time it takes. Ends with 1 when a bar is missed.
 * Run: node bench/gate.ts [RUNS [PART...]], with 10,000 to settle the bars, and parts hours, days, changes, promotions,
 * ratio, or the name of one scenario.
 */

import { ALPHA as RATIO_ALPHA, skewedRuns } from "./gate/arrivals.ts";
import { type GateResult, runCampaign, type Scenario } from "./gate/campaign.ts";
import { asymptoticOnRequests } from "./gate/comparators/asymptotic-sequence.ts";
import { kayentaLike } from "./gate/comparators/mann-whitney.ts";
import { mixtureOnRequests } from "./gate/comparators/normal-mixture.ts";
import { countProcessOnClicks, peekingZ, sampleRatioOnRequests } from "./gate/comparators/requests.ts";
import { argoLike, flaggerLike } from "./gate/comparators/thresholds.ts";
import type { Gate } from "./gate/gate.ts";
import { ALPHA, harmOfAmounts, harmOfClicks, harmOfRefusals, promotion } from "./gate/petrel-gates.ts";
import { clopperPearson } from "./gate/proportion.ts";
import {
  CHANGED_HOURS,
  MARGIN,
  PROMOTIONS,
  PROMOTIONS_OF_LESS,
  QUIET_DAYS,
  QUIET_HOURS,
} from "./gate/scenarios.ts";

const DEFAULT_RUNS = 1_000;
const SEED = 20_260_101;
/** Comparators are clear after so many runs; Petrel's own gates get all. */
const COMPARATOR_RUNS = 400;
/** A true error of alpha stays below it in 10,000 runs, at the 99 % bound; with fewer the bound is wider. */
const ERROR_TOLERANCE = 0.006;
const BOUND_ERROR = 0.01;

/** By scenario and gate: at least this power, at most this median. */
const DETECTION: Readonly<Record<string, { readonly power?: number; readonly medianMinutes?: number }>> = {
  "-20 %, independent": { power: 0.8 },
  "-50 %, independent": { medianMinutes: 7 },
  "-20 %, heavy users": { power: 0.58 },
  "-50 %, heavy users": { medianMinutes: 9 },
};

const petrelGates = [harmOfClicks, harmOfAmounts, harmOfRefusals];
const requestGates = [
  peekingZ,
  countProcessOnClicks,
  mixtureOnRequests,
  asymptoticOnRequests,
  sampleRatioOnRequests,
];
const minuteGates = [kayentaLike, flaggerLike, argoLike];

const [runsText = String(DEFAULT_RUNS), ...parts] = process.argv.slice(2);
const runs = Number(runsText);
if (!(Number.isInteger(runs) && runs > 0)) throw new Error(`expected a number of runs, got ${runsText}`);
const missed: string[] = [];
const ran = new Set<string>();

/** Whether a scenario of a part was asked for, by either name. */
function wants(part: string, scenario: string): boolean {
  const asked = parts.filter((one) => one === part || one === scenario);
  for (const one of asked) ran.add(one);
  return parts.length === 0 || asked.length > 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

function say(name: string, { gate, runs: count, alarms, medianMinutes }: GateResult, bar?: Bar): void {
  const { lower, upper } = clopperPearson(alarms, count, BOUND_ERROR);
  const verdict = bar === undefined ? "" : ` (${bar.holds ? "holds" : "MISSED"}: ${bar.text})`;
  if (bar?.holds === false) missed.push(`${name}: ${gate}`);
  const median = Number.isFinite(medianMinutes) ? `, median ${medianMinutes} min` : "";
  const range = `${percent(lower)} to ${percent(upper)}`;
  console.log(`  ${gate}: ${percent(alarms / count)} of ${count} (${range})${median}${verdict}`);
}

interface Bar {
  readonly holds: boolean;
  readonly text: string;
}

/** With fewer than 10,000 runs the bound of a gate that is well within its error may still be too wide to say so. */
function errorBar({ alarms, runs: count }: GateResult, alpha: number): Bar {
  const { lower, upper } = clopperPearson(alarms, count, BOUND_ERROR);
  const limit = alpha + (alpha === ALPHA ? ERROR_TOLERANCE : alpha);
  if (count >= 10_000) return { holds: upper < limit, text: `99 % upper bound below ${percent(limit)}` };
  return { holds: lower < alpha, text: `no sign of more than ${percent(alpha)}` };
}

function detectionBar(scenario: string, { alarms, runs: count, medianMinutes }: GateResult): Bar | undefined {
  const { power, medianMinutes: most } = DETECTION[scenario] ?? {};
  if (power !== undefined) return { holds: alarms / count >= power, text: `at least ${percent(power)}` };
  if (most !== undefined) return { holds: medianMinutes <= most, text: `median at most ${most} min` };
  return undefined;
}

function campaign(
  scenario: Scenario,
  own: readonly Gate[],
  others: readonly Gate[],
  count: number,
  bar: (result: GateResult) => Bar | undefined,
): void {
  const start = performance.now();
  const results = runCampaign(scenario, own, count, SEED);
  const compared =
    others.length === 0 ? [] : runCampaign(scenario, others, Math.min(count, COMPARATOR_RUNS), SEED);
  console.log(`${scenario.name} [${((performance.now() - start) / 1000).toFixed(0)} s]`);
  for (const result of results) say(scenario.name, result, bar(result));
  for (const result of compared) say(scenario.name, result);
}

console.log(
  `${runs} runs, seed ${SEED}, alpha ${ALPHA}; in brackets the 98 % interval of Clopper and Pearson`,
);
for (const scenario of CHANGED_HOURS) {
  if (!wants("changes", scenario.name)) continue;
  const own = scenario.change < 0 ? [harmOfClicks, harmOfAmounts] : petrelGates;
  campaign(scenario, own, [...requestGates, ...minuteGates], runs, (result) =>
    result.gate === harmOfClicks.name ? detectionBar(scenario.name, result) : undefined,
  );
}
for (const scenario of QUIET_HOURS) {
  if (!wants("hours", scenario.name)) continue;
  campaign(scenario, petrelGates, [...requestGates, ...minuteGates], runs, (result) =>
    errorBar(result, ALPHA),
  );
}
for (const [scenarios, better] of [
  [PROMOTIONS, "Higher"],
  [PROMOTIONS_OF_LESS, "Lower"],
] as const) {
  for (const scenario of scenarios) {
    if (!wants("promotions", scenario.name)) continue;
    campaign(scenario, [promotion(MARGIN, better)], [], runs, (result) =>
      scenario.change === 0 ? undefined : errorBar(result, ALPHA),
    );
  }
}
for (const [name, weights, lost] of [
  ["new users, 10 %", [1_000], 0],
  ["new users, ramp 5-20-50 %", [500, 2_000, 5_000], 0],
  ["new users, 10 %, one in five of the candidate's lost", [1_000], 0.2],
] as const) {
  if (!wants("ratio", name)) continue;
  const alarms = skewedRuns(weights, 240, lost, runs, SEED);
  const result = { gate: "Petrel, sample ratio of users, .001", runs, alarms, medianMinutes: Number.NaN };
  console.log(name);
  say(name, result, lost === 0 ? errorBar(result, RATIO_ALPHA) : undefined);
}
for (const scenario of QUIET_DAYS) {
  if (!wants("days", scenario.name)) continue;
  campaign(scenario, petrelGates, requestGates, runs, (result) => errorBar(result, ALPHA));
}
const unknown = parts.filter((part) => !ran.has(part));
if (unknown.length > 0) throw new Error(`expected parts or names of scenarios, got ${unknown.join("; ")}`);
console.log(missed.length === 0 ? "all bars hold" : `missed: ${missed.join("; ")}`);
process.exitCode = missed.length === 0 ? 0 : 1;
