/**
 * Quality: whether the candidate's predictions, joined with the labels that came for them, are worse than stable's.
 *
 * Harm is looked for at every look, by all labels that have come. A step ends only when labels of its own answers can
 * have matured, such answers are counted, and there is enough to judge by. Before all the traffic the candidate must be shown, once, to be not
 * worse than stable by more than the margin, by matured answers alone. Where its labels take longer than the steps that is
 * decided in the holdback.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import { parseShare } from "../../../api/percentage.ts";
import { FULL_WEIGHT } from "../../../api/traffic-plan.ts";
import { effectOf } from "../../../stats/effect.ts";
import type { ChangeEstimate } from "../../../stats/evidence-reading.ts";
import type { EvidenceSizes } from "../../../stats/evidence-sizes.ts";
import { findHarm, type HarmFinding } from "../../../stats/harm.ts";
import { findNotWorse, type NonInferiorityFinding } from "../../../stats/non-inferiority.ts";
import { epochsOf } from "./evidence-epochs.ts";
import { changeText, countText, numberText, present } from "./figure-text.ts";
import type { CollectedEvidence, MetricEvidence, StepView } from "./gate-evidence.ts";
import { needForPromotion, needForVerdict, type TrafficSoFar } from "./gate-need.ts";
import { gateKind, type JudgeInput, type Judgement, judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";
import { lackOfAnswers } from "./step-answers.ts";

/**
 * The probability of a false alarm over all looks and all gates that look for harm; and, for each gate by itself, that of
 * promoting a candidate that is worse by the margin.
 */
export const QUALITY_ALPHA = 0.05;

/** e to this is near the largest number there is. */
const LARGEST_EXPONENT = 700;

/** Settings of the gate. */
export interface QualitySettings {
  /** Name of the metric. */
  readonly metric: string;
  /** As a share of stable's, between 0 and 1. */
  readonly margin: number;
}

/** The type `Quality`. */
export const qualityGate = gateKind<QualitySettings>(
  ({ quality }) =>
    quality && {
      metric: quality.metric,
      margin: parseShare(quality.nonInferiorityMargin),
    },
  judgeQuality,
  true,
);

/** Judges the candidate's quality. */
export function judgeQuality({
  settings,
  step,
  evidence,
  harmGates,
  isDeferred = false,
}: JudgeInput<QualitySettings>): Judgement {
  const knowledge = knowledgeOf(evidence.collected, "evidence of the collectors", step.nowMilliseconds);
  return judgeKnown(knowledge, (collected) => {
    const found = collected.metrics.get(settings.metric);
    if (found === undefined) {
      const why = collected.unusable?.get(settings.metric) ?? "it is not counted";
      return noData({ reason: `metric ${settings.metric}: ${why}` }, "MetricUnknown");
    }
    return judgeMetric({ settings, step, collected, found, harmGates, isDeferred });
  });
}

/** One metric of which something is counted. */
interface JudgedMetric extends Pick<JudgeInput<QualitySettings>, "settings" | "step" | "harmGates"> {
  readonly collected: CollectedEvidence;
  readonly found: MetricEvidence;
  readonly isDeferred: boolean;
}

function judgeMetric({ settings, step, collected, found, harmGates, isDeferred }: JudgedMetric): Judgement {
  const harm = findHarm(epochsOf(found.arrived), found.metric, { alpha: QUALITY_ALPHA, gates: harmGates });
  const figures = harmFigures(harm);
  const about = `${settings.metric} ${sentence(harm)}`;
  if (harm.verdict === "Harm") {
    return { verdict: "Fail", reason: "Harm", message: `${about}: harm is shown`, figures };
  }
  const isWatched = step.isHoldback === true || isDeferred;
  const maturedAt = (step.inEffectAtMilliseconds ?? Number.NaN) + found.maturesMilliseconds;
  // Also when the time is not known.
  if (!isWatched && !(step.nowMilliseconds >= maturedAt)) {
    const isKnown = !Number.isNaN(maturedAt);
    const until = isKnown ? `: until ${new Date(maturedAt).toISOString()}` : "";
    const message = `${about}; labels of this step's answers have not had their time to mature${until}`;
    const changesAt = isKnown ? { changesAtMilliseconds: maturedAt } : {};
    return { verdict: "Undecided", reason: "LabelsImmature", message, figures, ...changesAt };
  }
  if (harm.verdict === "NoVerdict") {
    return { verdict: "NoData", reason: "EvidenceFaulty", message: about, figures };
  }
  if (harm.verdict === "TooLittle") {
    const isZeroOne = found.metric.values === "ZeroOne";
    const needs = needForVerdict(trafficSoFar(step, collected, found), isZeroOne);
    return { verdict: "TooLittle", reason: "TooLittle", message: about, figures, ...present({ needs }) };
  }
  if (isDeferred && step.isHoldback !== true) {
    const message = `${about}: no harm is shown; its labels take longer than a step, so it is decided in the holdback`;
    return { verdict: "Undecided", reason: "DecidedInHoldback", message, figures };
  }
  if (step.isHoldback === true && !isDeferred) {
    return { verdict: "Pass", reason: "NoHarm", message: `${about}: no harm is shown`, figures };
  }
  if (!step.isLast && !isDeferred) {
    const lack = lackOfAnswers(step, collected, found);
    if (lack !== undefined) return { ...lack, message: `${about}; ${lack.message}`, figures };
    return { verdict: "Pass", reason: "NoHarm", message: `${about}: no harm is shown`, figures };
  }
  return judgePromotion(settings, step, collected, found, figures);
}

/** All the traffic follows: no harm is not enough. */
function judgePromotion(
  { metric, margin }: QualitySettings,
  step: StepView,
  collected: CollectedEvidence,
  found: MetricEvidence,
  harmful: readonly GateFigure[],
): Judgement {
  const finding = findNotWorse(epochsOf(found.matured), found.metric, { alpha: QUALITY_ALPHA, margin });
  const figures = [...harmful, marginFigure(finding)];
  const about = `${metric} of matured answers ${sentence(finding)}`;
  const side = found.metric.better === "Higher" ? "above" : "below";
  const needed = `the whole range must be ${side} ${changeText(finding.threshold)}`;
  if (finding.verdict === "NotWorse") {
    const lack = lackOfAnswers(step, collected, found);
    if (lack !== undefined) return { ...lack, message: `${about}; ${lack.message}`, figures };
    const message = `${about}: not worse than stable by the margin, ${changeText(finding.threshold)}`;
    return { verdict: "Pass", reason: "NotWorse", message, figures, isFinal: true };
  }
  if (finding.verdict === "NoVerdict") {
    return { verdict: "NoData", reason: "EvidenceFaulty", message: about, figures };
  }
  const isShown = finding.verdict === "NotShown";
  const needs = needForPromotion(trafficSoFar(step, collected, found), margin, QUALITY_ALPHA);
  return {
    verdict: isShown ? "Undecided" : "TooLittle",
    reason: finding.verdict,
    message: `${about}; ${needed}`,
    figures,
    ...present({ needs }),
  };
}

/** Evidence without a fault. The rate of the metric is that of both arms: no harm is shown where this is asked for. */
function trafficSoFar(
  { weight }: StepView,
  { requestsPerSecond }: CollectedEvidence,
  { metric, arrived, maturesMilliseconds }: MetricEvidence,
): TrafficSoFar {
  const effect = effectOf(epochsOf(arrived), metric.values === "ZeroOne");
  const answers = effect.candidateAnswers + effect.stableAnswers;
  return {
    candidateShare: weight / FULL_WEIGHT,
    mean: answers > 0 ? (effect.candidateSum + effect.stableSum) / answers : 0,
    dispersion: effect.dispersion,
    information: effect.information,
    requestsPerSecond,
    answers,
    maturesMilliseconds,
  };
}

function sentence({ reason, estimate, sizes }: HarmFinding | NonInferiorityFinding): string {
  const change = estimate === undefined ? "" : `is ${rangeText(estimate)} against stable`;
  const { candidateAnswers, stableAnswers } = sizes ?? {};
  const from =
    candidateAnswers === undefined || stableAnswers === undefined
      ? ""
      : `, from ${countText(candidateAnswers)} answers and ${countText(stableAnswers)} of stable`;
  const known = change === "" ? "is not known" : change;
  return `${known}${from}${reason === undefined ? "" : ` (${reason})`}`;
}

function rangeText({ change, lower, upper }: ChangeEstimate): string {
  return `${changeText(change)} (${changeText(lower)} to ${changeText(upper)})`;
}

function harmFigures({ logEvidence, logThreshold, estimate, sizes }: HarmFinding): readonly GateFigure[] {
  const evidence = logEvidence === undefined ? undefined : Math.exp(Math.min(logEvidence, LARGEST_EXPONENT));
  return [
    { name: "change", ...changeMembers(estimate), ...sizeMembers(sizes) },
    {
      name: "evidence-of-harm",
      ...present({
        estimate: evidence === undefined ? undefined : numberText(evidence),
        threshold: numberText(Math.exp(logThreshold)),
      }),
    },
  ];
}

function marginFigure({ estimate, threshold, sizes }: NonInferiorityFinding): GateFigure {
  return {
    name: "change-of-matured",
    ...changeMembers(estimate),
    ...present({ threshold: numberText(threshold) }),
    ...sizeMembers(sizes),
  };
}

function changeMembers(estimate: ChangeEstimate | undefined) {
  if (estimate === undefined) return {};
  return present({
    estimate: numberText(estimate.change),
    lower: numberText(estimate.lower),
    upper: numberText(estimate.upper),
  });
}

function sizeMembers(sizes: EvidenceSizes | undefined) {
  if (sizes === undefined) return {};
  const { candidateAnswers, stableAnswers, dispersion } = sizes;
  return {
    candidateCount: candidateAnswers,
    stableCount: stableAnswers,
    ...present({ dispersion: dispersion > 0 ? numberText(dispersion) : undefined }),
  };
}
