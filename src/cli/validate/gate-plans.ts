/**
 * How many requests the quality gates of a manifest need before all the traffic, and how long they make a release wait,
 * at traffic that somebody states: so that nobody learns only at the deadline that a margin was out of reach. Pure.
 *
 * It supposes what `needForPromotion` does: a candidate as good as stable, and traffic as it is stated, in every step.
 */
import { formatDuration, parseDurationMilliseconds } from "../../api/duration.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { parseShare } from "../../api/percentage.ts";
import { isAmountMetric } from "../../api/quality-metrics.ts";
import { DEFAULT_GATE_DEADLINE } from "../../api/rollout-gates.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { deferredGates } from "../../core/rollout/gates/deferred-gates.ts";
import { countText, numberText, percentText, waitText } from "../../core/rollout/gates/figure-text.ts";
import { needForPromotion } from "../../core/rollout/gates/gate-need.ts";
import type { Need } from "../../core/rollout/gates/judgement.ts";
import { maturityOf } from "../../core/rollout/gates/maturities.ts";
import { QUALITY_ALPHA } from "../../core/rollout/gates/quality.ts";
import { type RolloutStep, stepsOf } from "../../core/rollout/rollout-steps.ts";
import type { Finding, Problem } from "./finding.ts";

/** Name of the warning that a gate takes longer than its deadline. */
export const OUT_OF_REACH = "quality-out-of-reach";
/** Name of what is only told. */
const PLAN = "quality-plan";

/** The traffic that is stated. */
export interface StatedTraffic {
  /** To both revisions together. */
  readonly requestsPerSecond: number;
  /** Share of the requests with a success, above 0 and below 1. */
  readonly rate: number;
  /** How much more the sums of users vary than those of independent requests. */
  readonly dispersion: number;
}

/** What is told of one gate. */
export interface GatePlan {
  readonly severity: Extract<Finding["severity"], "Note" | "Warning">;
  readonly check: string;
  readonly problem: Problem;
}

/** Tells it of each quality gate of a spec that the rules let in. */
export function gatePlans(spec: ModelDeploymentSpec, traffic: StatedTraffic): readonly GatePlan[] {
  const { quality: counted, rollout } = spec;
  if (counted === undefined || rollout === undefined) return [];
  return (rollout.gates ?? []).flatMap(({ name, quality, deadline = DEFAULT_GATE_DEADLINE }, index) => {
    const metric = counted.metrics.find((one) => one.name === quality?.metric);
    if (quality === undefined || metric === undefined) return [];
    const path = ["spec", "rollout", "gates", index];
    const note = (message: string): GatePlan => ({
      severity: "Note",
      check: PLAN,
      problem: { path, message },
    });
    if (isAmountMetric(metric.type)) {
      return [
        note(`gate ${name}: how many requests amounts need is told by petrel status, once there are some`),
      ];
    }
    const margin = parseShare(quality.nonInferiorityMargin);
    const matures = maturityOf({}, counted, metric.name);
    const isDeferred = deferredGates(rollout, counted).has(name);
    const needed = needOf(stepsToShow(rollout, isDeferred, matures), traffic, margin, matures);
    if (needed === undefined) return [];
    const { requests = 0, milliseconds = Number.POSITIVE_INFINITY } = needed;
    const at = `${numberText(traffic.requestsPerSecond)} requests a second, ${percentText(traffic.rate)} of them with a success`;
    if (isDeferred)
      return [
        deferredPlan({
          path,
          about: `gate ${name} needs about ${countText(requests)} requests to show that margin`,
          at,
          isReached: milliseconds <= matures,
        }),
      ];
    const wait = waitText(milliseconds);
    const until = wait === undefined ? "for ever" : `for ${wait} after its minDuration`;
    const message = `gate ${name} needs about ${countText(requests)} requests to show that margin, so at ${at}, the last step waits ${until}`;
    if (milliseconds <= parseDurationMilliseconds(deadline)) return [note(message)];
    return [
      {
        severity: "Warning",
        check: OUT_OF_REACH,
        problem: {
          path,
          message: `${message}: longer than its deadline, ${formatDuration(parseDurationMilliseconds(deadline))}`,
          remedy:
            "raise nonInferiorityMargin, the weight or minDuration of the last step, or deadline; or gate on a label that is more frequent",
        },
      },
    ];
  });
}

/** A gate that is decided in the holdback, where nothing is waited for. */
function deferredPlan({
  path,
  about,
  at,
  isReached,
}: {
  readonly path: Problem["path"];
  readonly about: string;
  readonly at: string;
  readonly isReached: boolean;
}): GatePlan {
  if (isReached) {
    const message = `${about}, which at ${at}, have come and matured before the end of the holdback`;
    return { severity: "Note", check: PLAN, problem: { path, message } };
  }
  return {
    severity: "Warning",
    check: OUT_OF_REACH,
    problem: {
      path,
      message: `${about}, and at ${at}, fewer have matured at the end of the holdback: it then ends without having shown it`,
      remedy:
        "make spec.rollout.holdback longer or its weight larger, raise nonInferiorityMargin, or gate on a label that is more frequent",
    },
  };
}

/** The steps whose answers tell something in time; of a holdback what is answered early enough to mature before its end. */
function stepsToShow(
  { strategy, holdback }: NonNullable<ModelDeploymentSpec["rollout"]>,
  isDeferred: boolean,
  maturesMilliseconds: number,
): readonly Pick<RolloutStep, "weight" | "minDurationMilliseconds">[] {
  const steps = stepsOf({ strategy, ...(isDeferred && holdback !== undefined ? { holdback } : {}) });
  return steps.slice(0, -1).map(({ weight, minDurationMilliseconds, isHoldback }) => ({
    weight,
    minDurationMilliseconds: minDurationMilliseconds - (isHoldback ? maturesMilliseconds : 0),
  }));
}

/** By the last step, with what the earlier ones tell. */
function needOf(
  held: ReturnType<typeof stepsToShow>,
  { requestsPerSecond, rate, dispersion }: StatedTraffic,
  margin: number,
  maturesMilliseconds: number,
): Need | undefined {
  const last = held.at(-1);
  if (last === undefined) return undefined;
  const seen = held.map(({ weight, minDurationMilliseconds }) => {
    const answers = (requestsPerSecond * minDurationMilliseconds) / 1_000;
    const share = weight / FULL_WEIGHT;
    return { answers, information: share * (1 - share) * answers * rate };
  });
  return needForPromotion(
    {
      candidateShare: last.weight / FULL_WEIGHT,
      mean: rate,
      dispersion,
      requestsPerSecond,
      answers: seen.reduce((sum, { answers }) => sum + answers, 0),
      information: seen.reduce((sum, { information }) => sum + information, 0),
      maturesMilliseconds,
    },
    margin,
    QUALITY_ALPHA,
  );
}
