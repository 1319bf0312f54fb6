/**
 * What is asked of the collector of a namespace for a release, and what of its answer is evidence of that release: the
 * answers and labels under the plans that gave the candidate a share, and no others. Pure.
 */
import type { RolloutShare } from "../../../api/model-rollout.ts";
import { parsePercentage } from "../../../api/percentage.ts";
import type { QualityMetricType } from "../../../api/quality-metrics.ts";
import { FULL_WEIGHT } from "../../../api/traffic-plan.ts";
import type { ArmChecks } from "../../../stats/collector-answer.ts";
import type { GateMetric } from "../../../stats/evidence.ts";
import type { NewUsers } from "../../../stats/sample-ratio.ts";
import type { ArmCell, CollectedEvidence, CountedEpochs, MetricEvidence } from "./gate-evidence.ts";
import type { Reading } from "./reading.ts";

/** A metric as the spec declares it. */
export interface AskedMetric {
  readonly name: string;
  readonly type: QualityMetricType;
  readonly label: string;
  readonly better: GateMetric["better"];
  readonly maturesSeconds: number;
}

/** What is asked. But for its shares it stays the same while a release goes on, so that one answer follows the other. */
export interface CollectorQuestion {
  readonly type: "Collector";
  readonly namespace: string;
  readonly deployment: string;
  /** When the release began. */
  readonly fromMilliseconds: number;
  /** Plans by which it had one so far: only what was answered under these is asked for. */
  readonly shares: readonly RolloutShare[];
  /** Those of the gates. */
  readonly metrics: readonly AskedMetric[];
}

/** Requests of one arm in one epoch, or in several. */
export interface CountedRequests extends CountedEpochs {
  readonly arm: ArmCell["arm"];
  readonly requests: number;
}

/** Users of one arm who were seen for the first time in one epoch. */
export interface CountedUsers {
  readonly epoch: number;
  readonly arm: ArmCell["arm"];
  readonly users: number;
}

/** Answers of one epoch, or of several, that were found in the arm of their user. */
export interface CheckedArms extends ArmChecks, CountedEpochs {}

/** What the collector counted since a release began. */
export interface CollectorCounts {
  /** By name. */
  readonly metrics: ReadonlyMap<string, MetricEvidence>;
  /** Why metrics that were asked for are not among them, by name. */
  readonly unusable: ReadonlyMap<string, string>;
  /** From when on all of them are counted. */
  readonly requests: readonly CountedRequests[];
  /** Those of the last minutes. */
  readonly recentRequests: readonly CountedRequests[];
  readonly armChecks: readonly CheckedArms[];
  readonly newUsers: readonly CountedUsers[];
  /** Over the last minutes. */
  readonly requestsPerSecond: number;
}

/**
 * The evidence of a release in what was read.
 *
 * @param isCompared whether a gate compares the arms. Else it does not matter how many requests of each are counted, as
 *   when the pods of one get their keys while the release goes on.
 */
export function collectedOf(
  reading: Reading<CollectorCounts> | undefined,
  shares: readonly RolloutShare[],
  isCompared: boolean,
): Reading<CollectedEvidence> {
  if (reading === undefined) return { kind: "Missing", reason: "not read yet" };
  if (reading.kind !== "Whole") return reading;
  return { ...reading, value: evidenceOf(reading.value, shares, isCompared) };
}

function evidenceOf(
  counts: CollectorCounts,
  shares: readonly RolloutShare[],
  isCompared: boolean,
): CollectedEvidence {
  const { metrics, unusable, armChecks, requestsPerSecond } = counts;
  const isOurs = (counted: CountedEpochs) => shares.some((share) => isWithin(share, counted));
  const ours = [...metrics].map(([name, metric]): [string, MetricEvidence] => [
    name,
    { ...metric, arrived: metric.arrived.filter(isOurs), matured: metric.matured.filter(isOurs) },
  ]);
  const hasUsers = shares.some(({ drawnBy }) => drawnBy === "User");
  const drawn = hasUsers ? drawnUsers(shares, counts.newUsers) : drawnRequests(shares, counts.requests);
  return {
    metrics: new Map(ours),
    unusable,
    requestsPerSecond,
    recentRequests: counts.recentRequests.filter(isOurs),
    ...(isCompared && drawn !== undefined ? { drawn } : {}),
    ...(hasUsers ? { assignedArms: checkedUnder(armChecks.filter(isOurs)) } : {}),
  };
}

function checkedUnder(checks: readonly CheckedArms[]): NonNullable<CollectedEvidence["assignedArms"]> {
  const sumOf = (count: keyof ArmChecks) => checks.reduce((sum, epoch) => sum + epoch[count], 0);
  return { told: sumOf("told"), checked: sumOf("checked"), misplaced: sumOf("wrong") };
}

/** Whether all that was counted was so under the plans of one share. */
export function isWithin(
  { firstEpoch, lastEpoch }: Pick<RolloutShare, "firstEpoch" | "lastEpoch">,
  { epoch, lastEpoch: last = epoch }: CountedEpochs,
): boolean {
  return firstEpoch <= epoch && last <= lastEpoch;
}

function drawnRequests(
  shares: readonly RolloutShare[],
  requests: readonly CountedRequests[],
): CollectedEvidence["drawn"] {
  const epochs = shares.map((share) => {
    const ofArm = (arm: ArmCell["arm"]) =>
      requests
        .filter((counted) => counted.arm === arm && isWithin(share, counted))
        .reduce((sum, counted) => sum + counted.requests, 0);
    return { weights: weightsOf(share), users: [ofArm("Candidate"), ofArm("Stable")] };
  });
  return shares.length === 0 ? undefined : { of: "Requests", epochs };
}

/** A user counts once in an epoch, and perhaps in each of a share: so these stay apart. */
function drawnUsers(
  shares: readonly RolloutShare[],
  users: readonly CountedUsers[],
): CollectedEvidence["drawn"] {
  if (users.length === 0) return undefined;
  const epochs = shares.flatMap((share) => {
    const counted = users.filter((user) => isWithin(share, user));
    const numbers = [...new Set(counted.map(({ epoch }) => epoch))].toSorted((left, right) => left - right);
    return numbers.map((number): NewUsers => {
      const ofArm = (wanted: ArmCell["arm"]) =>
        counted.find(({ epoch, arm }) => epoch === number && arm === wanted)?.users ?? 0;
      return { weights: weightsOf(share), users: [ofArm("Candidate"), ofArm("Stable")] };
    });
  });
  return { of: "Users", epochs };
}

/** Of the candidate, then of stable. */
function weightsOf(share: RolloutShare): readonly number[] {
  const weight = parsePercentage(share.weight);
  return [weight, FULL_WEIGHT - weight];
}
