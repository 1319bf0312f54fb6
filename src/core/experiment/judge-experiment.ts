/**
 * What the evidence says of the arms of an experiment. Pure.
 *
 * Each arm is compared with the control within each plan, by the bounds that hold at all looks at once, so an experiment may
 * be looked at whenever one likes. All bounds of the primary metric together are wrong with a probability of at most 5 %, and
 * so are all alarms together, which makes at most 10 % for all that is said: of k arms, each of the two bounds of the primary
 * metric has 0.05 / 2k, and each of the k (1 + guardrails) watches for harm its part (Bonferroni's inequality; Dunn, Journal of
 * the American Statistical Association 56, 1961). No arm is compared with another one: that would be further statements.
 *
 * Before that stands whether requests came to the arms as the plans say. Where they did not, no comparison means anything.
 */
import { ARM_NUMBER } from "../../api/arm.ts";
import type { ArmFinding, ExperimentShare } from "../../api/experiment-status.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import type { GateMetric } from "../../stats/evidence.ts";
import { type ChangeEstimate, readEvidence } from "../../stats/evidence-reading.ts";
import type { EvidenceSizes } from "../../stats/evidence-sizes.ts";
import { findHarm, HARM_SCALE } from "../../stats/harm.ts";
import { findSkew, type NewUsers } from "../../stats/sample-ratio.ts";
import { isWithin } from "../rollout/gates/collector-counts.ts";
import { epochsOf } from "../rollout/gates/evidence-epochs.ts";
import { changeText, countText, numberText, present } from "../rollout/gates/figure-text.ts";
import type { ArmCell } from "../rollout/gates/gate-evidence.ts";
import { QUALITY_ALPHA } from "../rollout/gates/quality.ts";
import { SAMPLE_RATIO_ALPHA } from "../rollout/gates/sample-ratio.ts";
import { type ExperimentCounts, metricNames, type NumberedCell } from "./experiment-question.ts";
import { CONTROL, plannedWeights, type WantedShares } from "./experiment-shares.ts";
import type { ExperimentJudgement } from "./experiment-view.ts";

/** The relative change at which the bounds of the primary metric are the tightest. */
const PRIMARY_SCALE = 0.1;

/** What is judged. */
export interface JudgedExperiment {
  readonly spec: ModelExperimentSpec;
  readonly wanted: WantedShares;
  readonly shares: readonly ExperimentShare[];
  readonly counts: ExperimentCounts;
  readonly atMilliseconds: number;
}

interface Judged {
  readonly finding: ArmFinding;
  readonly harm?: string;
}

/** Judges. Only what was counted under the shares is evidence. */
export function judgeExperiment(judged: JudgedExperiment): ExperimentJudgement {
  const { spec, wanted, atMilliseconds } = judged;
  const findings = new Map<string, readonly ArmFinding[]>();
  const harms: string[] = [];
  for (const [index, { name }] of spec.arms.entries()) {
    const arm = wanted.arms[index]?.arm;
    if (arm === undefined) continue;
    const all = metricNames(spec).map((metric) => judgeArm(judged, name, ARM_NUMBER[arm], metric));
    findings.set(
      name,
      all.map(({ finding }) => finding),
    );
    harms.push(...all.flatMap(({ harm }) => harm ?? []));
  }
  const [harm] = harms;
  return { atMilliseconds, findings, ...present({ harm, skew: skewOf(judged) }) };
}

function judgeArm(
  { spec, shares, counts }: JudgedExperiment,
  name: string,
  arm: number,
  metric: string,
): Judged {
  const role = metric === spec.primary.metric ? "Primary" : "Guardrail";
  const base = { metric, role } as const;
  const counted = counts.cells.get(metric);
  if (counted === undefined) {
    const message = `${metric}: ${counts.unusable.get(metric) ?? "it is not counted"}`;
    return { finding: { ...base, finding: "NoVerdict", message } };
  }
  const epochs = epochsOf(cellsAgainstControl(counted.ofArms, arm, shares));
  const watches = spec.arms.length * metricNames(spec).length;
  const harm = findHarm(epochs, counted.metric, { alpha: QUALITY_ALPHA, gates: watches });
  const isHarmful = harm.verdict === "Harm";
  const alpha = role === "Primary" ? QUALITY_ALPHA / (2 * spec.arms.length) : QUALITY_ALPHA / watches;
  const read = readEvidence(epochs, counted.metric, alpha, role === "Primary" ? PRIMARY_SCALE : HARM_SCALE);
  const estimate = read.kind === "NoVerdict" ? undefined : read.estimate;
  const sizes = read.kind === "NoVerdict" ? undefined : read.sizes;
  const finding = findingOf(read.kind, estimate, counted.metric, role, isHarmful);
  const reason = read.kind === "Enough" ? undefined : read.reason;
  const message = sentence(metric, finding, estimate, sizes, reason);
  return {
    finding: { ...base, finding, ...figuresOf(estimate, sizes), message },
    ...(isHarmful ? { harm: `arm ${name} does harm: ${message}` } : {}),
  };
}

/** The cells of an arm and of the control, as those of a candidate and of stable. */
function cellsAgainstControl(
  cells: readonly NumberedCell[],
  arm: number,
  shares: readonly ExperimentShare[],
): readonly ArmCell[] {
  return cells.flatMap((cell): readonly ArmCell[] => {
    if (!shares.some((share) => isWithin(share, cell))) return [];
    if (cell.arm === arm) return [{ ...cell, arm: "Candidate" }];
    return cell.arm === CONTROL ? [{ ...cell, arm: "Stable" }] : [];
  });
}

function findingOf(
  kind: "Enough" | "TooLittle" | "NoVerdict",
  estimate: ChangeEstimate | undefined,
  { better }: GateMetric,
  role: ArmFinding["role"],
  isHarmful: boolean,
): ArmFinding["finding"] {
  if (isHarmful) return "Worse";
  if (kind !== "Enough" || estimate === undefined) return kind === "NoVerdict" ? "NoVerdict" : "TooLittle";
  if (role === "Guardrail") return "NotShown";
  const isMore = estimate.lower > 0;
  const isLess = estimate.upper < 0;
  if (!isMore && !isLess) return "NotShown";
  return isMore === (better === "Higher") ? "Better" : "Worse";
}

function figuresOf(estimate: ChangeEstimate | undefined, sizes: EvidenceSizes | undefined) {
  return present({
    change: estimate && numberText(estimate.change),
    lower: estimate && numberText(estimate.lower),
    upper: estimate && numberText(estimate.upper),
    armAnswers: sizes?.candidateAnswers,
    controlAnswers: sizes?.stableAnswers,
  });
}

const WORDS: Readonly<Record<ArmFinding["finding"], string>> = {
  Better: "better than the control",
  Worse: "worse than the control",
  NotShown: "no difference is shown",
  TooLittle: "too little to say anything",
  NoVerdict: "nothing can be said",
};

function sentence(
  metric: string,
  finding: ArmFinding["finding"],
  estimate: ChangeEstimate | undefined,
  sizes: EvidenceSizes | undefined,
  reason: string | undefined,
): string {
  const range =
    estimate === undefined
      ? ""
      : ` ${changeText(estimate.change)} (${changeText(estimate.lower)} to ${changeText(estimate.upper)})`;
  const from =
    sizes === undefined
      ? ""
      : `, from ${countText(sizes.candidateAnswers)} answers and ${countText(sizes.stableAnswers)} of the control`;
  return `${metric}${range}: ${WORDS[finding]}${from}${reason === undefined ? "" : ` (${reason})`}`;
}

/** Why requests did not come to the arms as planned; undefined where they did, or nothing is known. */
function skewOf(judged: JudgedExperiment): string | undefined {
  const { shares, counts } = judged;
  const isOfUsers = shares.some(({ drawnBy }) => drawnBy === "User");
  const misplaced = counts.armChecks
    .filter((checked) => shares.some((share) => isWithin(share, checked)))
    .reduce((sum, { wrong }) => sum + wrong, 0);
  if (isOfUsers && misplaced > 0) {
    return `${countText(misplaced)} requests were in another arm than that of their user`;
  }
  const {
    verdict,
    users = [],
    expected = [],
  } = findSkew(
    isOfUsers ? usersOf(judged) : requestsOf(judged),
    SAMPLE_RATIO_ALPHA,
    isOfUsers ? "Again" : "Different",
  );
  if (verdict !== "Skewed") return undefined;
  const came = plannedWeights(judged.wanted).map(
    ([name], index) => `${name} ${countText(users[index] ?? 0)} of ${countText(expected[index] ?? 0)}`,
  );
  return `${isOfUsers ? "users" : "requests"} did not come to the arms as planned: ${came.join(", ")} expected`;
}

/** A user counts once in an epoch, and perhaps in each: so these stay apart. */
function usersOf({ shares, counts, wanted }: JudgedExperiment): readonly NewUsers[] {
  const ours = counts.newUsers.filter((counted) => shares.some((share) => isWithin(share, counted)));
  const epochs = [...new Set(ours.map(({ epoch }) => epoch))].toSorted((left, right) => left - right);
  return epochs.map((epoch) =>
    countsOf(
      ours.filter((counted) => counted.epoch === epoch),
      wanted,
    ),
  );
}

function requestsOf({ shares, counts, wanted }: JudgedExperiment): readonly NewUsers[] {
  return shares.map((share) =>
    countsOf(
      counts.requests.filter((counted) => isWithin(share, counted)),
      wanted,
    ),
  );
}

function countsOf(counted: ExperimentCounts["newUsers"], wanted: WantedShares): NewUsers {
  const weights = plannedWeights(wanted);
  return {
    weights: weights.map(([, weight]) => weight),
    users: weights.map(([name]) =>
      counted.filter(({ arm }) => arm === ARM_NUMBER[name]).reduce((sum, { count }) => sum + count, 0),
    ),
  };
}
