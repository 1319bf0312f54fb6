/**
 * What people's verbs write into a ModelRollout, and when there is nothing to write. Pure.
 *
 * Each field has an owner of its own: to apply one takes none of the others back.
 */
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import { holdbackStep, stepsOf } from "../../core/rollout/rollout-steps.ts";
import { CommandError, EXIT } from "../exit-code.ts";
import type { RolloutObject } from "./rollout-object.ts";

/** Verbs about a release that is under way. */
const GUIDING_VERBS = ["pause", "resume", "approve", "promote", "abort"] as const;

/** One of {@link GUIDING_VERBS}. */
export type GuidingVerb = (typeof GUIDING_VERBS)[number];

/** What is to be written, and what is said once it is. */
export interface Guidance {
  readonly fieldManager: string;
  readonly fields: Partial<Pick<ModelRolloutSpec, "paused" | "approvedStep" | "decision" | "reason">>;
  readonly said: string;
}

const OWNER = {
  paused: "petrel-cli-pause",
  approvedStep: "petrel-cli-approve",
  decision: "petrel-cli-decision",
} as const;

/** What a verb asks for. Throws a {@link CommandError} where the release cannot be led so. */
export function guidanceOf(verb: GuidingVerb, rollout: RolloutObject, reason: string | undefined): Guidance {
  const { name, status } = rollout;
  if (status.verdict !== undefined) {
    const { outcome, message } = status.verdict;
    throw new CommandError(EXIT.refused, `${name} is over: ${outcome}, ${message}`);
  }
  const why = reason === undefined ? {} : { reason };
  if (status.returning !== undefined && verb !== "pause" && verb !== "resume") {
    throw new CommandError(EXIT.refused, `${name} is given up: ${status.returning.message}`);
  }
  const isHeldBack = status.step !== undefined && status.step === holdbackStep(stepsOf(rollout.spec));
  switch (verb) {
    case "pause":
      return {
        fieldManager: OWNER.paused,
        fields: { paused: true, ...why },
        said: isHeldBack
          ? "paused: its holdback does not end"
          : "paused: the share of the new revision does not grow",
      };
    case "resume":
      return { fieldManager: OWNER.paused, fields: { paused: false }, said: "goes on" };
    case "approve":
      return approval(rollout);
    case "promote":
      return {
        fieldManager: OWNER.decision,
        fields: { decision: "Promote", ...why },
        said: isHeldBack
          ? "its holdback ends, and it gets all the traffic"
          : "gets all the traffic as soon as all its replicas are ready",
      };
    case "abort":
      return {
        fieldManager: OWNER.decision,
        fields: { decision: "Abort", ...why },
        said: isHeldBack
          ? "loses its traffic as replicas of the old revision come"
          : "loses its traffic; the stable revision serves on",
      };
  }
}

function approval({ name, spec, status: { step = 0 } }: RolloutObject): Guidance {
  const isPausing = stepsOf(spec)[step - 1]?.isPausing === true;
  if (!isPausing) {
    const where = step === 0 ? "has not begun its first step" : `is in step ${step}, which needs no approval`;
    throw new CommandError(EXIT.refused, `${name} ${where}`);
  }
  return {
    fieldManager: OWNER.approvedStep,
    fields: { approvedStep: step },
    said: `step ${step} may end once its time has passed`,
  };
}
