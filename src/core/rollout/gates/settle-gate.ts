/**
 * What becomes of a gate's judgement: the outcome for the step, with what was latched before, how long there has been
 * nothing to judge by, and the deadline.
 *
 * An outcome that is bad is never taken back. One that is good holds while it is seen, unless it is of the kind that is
 * decided once. Want of knowledge is `Wait`, until the spec of the gate says otherwise.
 */

import { parseDurationMilliseconds } from "../../../api/duration.ts";
import type { GateNeed, GateStatus } from "../../../api/gate-status.ts";
import { DEFAULT_GATE_DEADLINE, type GateSpec } from "../../../api/rollout-gates.ts";
import { reportedMessage } from "../../conditions/condition-words.ts";
import { earliestAfter, rolloutTime } from "../rollout-time.ts";
import { countText, waitText } from "./figure-text.ts";
import type { StepView } from "./gate-evidence.ts";
import type { Judgement, Need } from "./judgement.ts";

/** A collector that starts anew, or a scrape that was missed, is not yet a want of data. */
export const NO_DATA_PATIENCE_MILLISECONDS = 300_000;

/** What a gate says of itself, and when it is to be asked again. */
export interface SettledGate {
  readonly status: GateStatus;
  readonly wakeAtMilliseconds?: number;
}

/** Settings that all declared gates have. */
export interface GatePolicy extends Pick<GateSpec, "onNoData" | "deadline"> {
  /** For a gate that nobody declared: its deadline gives no release up. */
  readonly failsByVerdictAlone?: boolean;
}

/**
 * Settles one gate.
 *
 * @param before what it said at the look before, in this step or an earlier one.
 */
export function settleGate(
  name: string,
  policy: GatePolicy,
  judgement: Judgement,
  before: GateStatus | undefined,
  step: StepView,
): SettledGate {
  const isBad = judgement.verdict === "Fail";
  if (before?.latched === true && (before.outcome === "Fail" || !isBad)) return { status: before };
  const since = noDataSince(judgement, before, step);
  const deadlineAt = deadlineOf(policy, step);
  const settled = outcomeOf(policy, judgement, since, deadlineAt, step);
  const { outcome } = settled;
  // What gives nothing up by its deadline has none that could be missed.
  const needs = needOf(judgement.needs, policy.failsByVerdictAlone === true ? undefined : deadlineAt, step);
  const wakeAtMilliseconds = earliestAfter(step.nowMilliseconds, [
    judgement.changesAtMilliseconds,
    since === undefined ? undefined : since + NO_DATA_PATIENCE_MILLISECONDS,
    outcome === "Wait" ? deadlineAt : undefined,
  ]);
  const kept = outcome === before?.outcome ? before.lastTransitionTime : undefined;
  const status: GateStatus = {
    name,
    outcome,
    reason: settled.reason,
    message: reportedMessage(`${settled.message}${needText(outcome, needs)}`),
    ...(outcome === "Fail" || (outcome === "Pass" && judgement.isFinal === true) ? { latched: true } : {}),
    lastTransitionTime: kept ?? rolloutTime(step.nowMilliseconds),
    ...(since === undefined ? {} : { noDataSince: rolloutTime(since) }),
    ...(judgement.figures === undefined ? {} : { figures: [...judgement.figures] }),
    ...(needs === undefined || outcome !== "Wait" ? {} : { needs }),
  };
  return { status, ...(wakeAtMilliseconds === undefined ? {} : { wakeAtMilliseconds }) };
}

interface Settled {
  readonly outcome: GateStatus["outcome"];
  readonly reason: string;
  readonly message: string;
}

function outcomeOf(
  { onNoData = "Wait", failsByVerdictAlone = false }: GatePolicy,
  { verdict, reason, message }: Judgement,
  since: number | undefined,
  deadlineAt: number | undefined,
  { nowMilliseconds: now, inEffectAtMilliseconds }: StepView,
): Settled {
  if (verdict === "Fail") return { outcome: "Fail", reason, message };
  if (inEffectAtMilliseconds === undefined) {
    const text = `the share of the step is not in effect yet; ${message}`;
    return { outcome: "Wait", reason: "NotInEffect", message: text };
  }
  if (verdict === "Pass") return { outcome: "Pass", reason, message };
  const isOverdue = deadlineAt !== undefined && now >= deadlineAt;
  const isLongWithout = since !== undefined && now - since >= NO_DATA_PATIENCE_MILLISECONDS;
  const proceeds = onNoData === "Proceed" && (isLongWithout || (isOverdue && verdict !== "Undecided"));
  if (proceeds) {
    return { outcome: "Pass", reason: "ProceedsWithoutData", message: `goes on without data: ${message}` };
  }
  if (onNoData === "Fail" && isLongWithout) {
    return { outcome: "Fail", reason: "NoData", message: `nothing to judge by for 5 minutes: ${message}` };
  }
  if (isOverdue && !failsByVerdictAlone) {
    return { outcome: "Fail", reason: "DeadlineExceeded", message: `not passed by its deadline: ${message}` };
  }
  return { outcome: "Wait", reason, message };
}

/** A clock that was set back must not make the time without data longer. */
function noDataSince(
  { verdict }: Judgement,
  before: GateStatus | undefined,
  { nowMilliseconds: now }: StepView,
): number | undefined {
  if (verdict !== "NoData") return undefined;
  const stored = before?.noDataSince === undefined ? Number.NaN : Date.parse(before.noDataSince);
  return stored <= now ? stored : now;
}

function deadlineOf({ deadline }: GatePolicy, { dueAtMilliseconds }: StepView): number | undefined {
  if (dueAtMilliseconds === undefined) return undefined;
  return dueAtMilliseconds + parseDurationMilliseconds(deadline ?? DEFAULT_GATE_DEADLINE);
}

function needOf(
  need: Need | undefined,
  deadlineAt: number | undefined,
  { nowMilliseconds: now }: StepView,
): GateNeed | undefined {
  if (need === undefined) return undefined;
  const { requests, milliseconds } = need;
  const duration = milliseconds === undefined ? undefined : waitText(milliseconds);
  const exceeds =
    milliseconds !== undefined && deadlineAt !== undefined && !(now + milliseconds <= deadlineAt);
  return {
    ...(requests !== undefined && Number.isSafeInteger(requests) ? { requests } : {}),
    ...(duration === undefined ? {} : { duration }),
    ...(exceeds ? { exceedsDeadline: true } : {}),
  };
}

function needText(outcome: GateStatus["outcome"], need: GateNeed | undefined): string {
  if (outcome !== "Wait" || need?.requests === undefined) return "";
  const requests = `; needs about ${countText(need.requests)} requests in all`;
  const time =
    need.duration === undefined
      ? ", which never come at the present traffic"
      : `, ${need.duration} more at the present traffic`;
  return `${requests}${time}${need.exceedsDeadline === true ? ": longer than its deadline" : ""}`;
}
