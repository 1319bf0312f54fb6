/**
 * What follows from an alarm that begins: nothing, a pause of the release that is under way, or the way back to the revision
 * that served before. Pure.
 *
 * A false alarm costs most here, so whatever is in doubt lets nothing follow, and says why. No more follows than the spec
 * allows, by what the status remembers. Traffic is taken back only for what the model of stable may have made worse: a metric,
 * the latency or the errors; and only where it began soon after a promotion: what a model did well for months is not its
 * fault today.
 */
import {
  type AnomalyReactionSpec,
  MAXIMUM_REACTIONS_PER_WEEK,
  REACTION_DEFAULTS,
} from "../../api/anomalies.ts";
import { MAXIMUM_REACTION_TEXT, type StatedAlarm, type StatedReaction } from "../../api/anomaly-status.ts";
import { formatDuration, parseDurationMilliseconds } from "../../api/duration.ts";
import type { QualitySpec } from "../../api/quality.ts";
import { directionOfMetric } from "../../api/quality-metrics.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import type { Observation } from "../observation.ts";
import type { StatedRevision } from "../revision/stated-revision.ts";
import { currentRelease } from "../rollout/current-release.ts";
import { truncateUtf8 } from "../short-text.ts";
import { type AskedUndo, newUndoRequest, targetOf } from "../undo/plan-undo.ts";
import { alarmText, isAbout } from "./alarm-words.ts";

/** What is decided about one alarm. */
export interface AlarmDecision {
  /** For people; absent where the spec asks for nothing. */
  readonly said?: string;
  /** What is to be remembered. */
  readonly reaction?: StatedReaction;
  readonly undo?: AskedUndo;
}

const WEEK_MILLISECONDS = 7 * 86_400_000;
/** A window of a series. What begins in that of the promotion may have begun after it. */
const WINDOW_MILLISECONDS = 300_000;

/** Those of the last seven days. One of a time that has not come yet stays: a clock that was set back allows no more. */
export function recentReactions(
  reactions: readonly StatedReaction[],
  nowMilliseconds: number,
): readonly StatedReaction[] {
  return reactions
    .filter(({ at }) => nowMilliseconds - Date.parse(at) < WEEK_MILLISECONDS)
    .slice(-MAXIMUM_REACTIONS_PER_WEEK);
}

/**
 * Decides about an alarm that was not there before.
 *
 * @param reactions as {@link recentReactions} has them.
 */
export function reactionTo(
  alarm: StatedAlarm,
  observation: Observation,
  stated: StatedRevision,
  reactions: readonly StatedReaction[],
): AlarmDecision {
  const { spec } = observation.deployment;
  const asked = spec.quality?.anomalies?.reaction;
  if (asked === undefined) return {};
  const refusal =
    spec.suspend === true ? "spec.suspend is true" : bound(asked, reactions, observation.nowMilliseconds);
  if (refusal !== undefined) return nothing(refusal);
  if (reactions.some(({ because }) => isAbout(because, alarm)))
    return nothing("something has followed from it before");
  // Series are of the stable revision: not of the one that serves most, and noisier by far.
  if (observation.deployment.status.rollout?.heldBack !== undefined)
    return nothing("a holdback is on, and the series are of the few whom the old revision answers");
  return asked.type === "PauseRollout"
    ? pause(alarm, observation)
    : undo(alarm, observation, stated, asked.promotedWithin ?? REACTION_DEFAULTS.promotedWithin);
}

function nothing(why: string): AlarmDecision {
  return { said: truncateUtf8(`nothing follows: ${why}`, MAXIMUM_REACTION_TEXT) };
}

/** Why no more may follow by now. */
function bound(
  { cooldown = REACTION_DEFAULTS.cooldown, maxPerWeek = REACTION_DEFAULTS.maxPerWeek }: AnomalyReactionSpec,
  reactions: readonly StatedReaction[],
  nowMilliseconds: number,
): string | undefined {
  const last = reactions.at(-1);
  if (last !== undefined && nowMilliseconds - Date.parse(last.at) < parseDurationMilliseconds(cooldown)) {
    return `the last reaction was at ${last.at}, and cooldown is ${cooldown}`;
  }
  if (reactions.length < maxPerWeek) return undefined;
  return `there were ${reactions.length} reactions in the last 7 days, and maxPerWeek is ${maxPerWeek}`;
}

function pause(alarm: StatedAlarm, observation: Observation): AlarmDecision {
  const { rollout } = currentRelease(observation) ?? {};
  if (rollout === undefined || rollout.status.verdict !== undefined)
    return nothing("no release is under way");
  const { name, spec, status } = rollout;
  const standing = observation.deployment.status.undo?.standing;
  if (standing !== undefined && standing.revision === spec.revision) {
    return nothing(`${name} is the way back of an undo`);
  }
  if (newUndoRequest(observation) !== undefined) return nothing("a person asks for an undo");
  if (spec.decision !== undefined) return nothing(`a person has decided about ${name}: ${spec.decision}`);
  if (spec.paused === true) return nothing(`${name} is paused already`);
  // It has taken stable away: to wait would be to answer nobody, which is unusual indeed.
  if (spec.strategy.type === "Recreate") return nothing(`${name} goes by Recreate, which cannot wait`);
  if (status.step !== undefined && status.step === status.steps)
    return nothing(`${name} has all the traffic already`);
  const because = alarmText(alarm);
  const at = reportedTime(observation.nowMilliseconds);
  return {
    said: `${name} is paused; kubectl petrel resume lets it go on`,
    reaction: { type: "PauseRollout", at, because, rollout: name },
  };
}

function undo(
  alarm: StatedAlarm,
  observation: Observation,
  stated: StatedRevision,
  promotedWithin: string,
): AlarmDecision {
  const { deployment, nowMilliseconds } = observation;
  if (!isWorse(alarm, deployment.spec.quality?.metrics ?? []))
    return nothing(
      "only for a metric that gets worse, and for latency or errors that rise, the traffic is taken back",
    );
  if (newUndoRequest(observation) !== undefined) return nothing("a person asks for an undo");
  if (deployment.status.undo?.standing !== undefined) return nothing("an undo stands already");
  const stable = deployment.status.revisions?.stable;
  const promotedAt = promotionOf(observation, stable);
  if (stable === undefined || promotedAt === undefined)
    return nothing(`no release is known by which ${stable ?? "what serves"} was promoted`);
  const sinceMilliseconds = Date.parse(alarm.since);
  const isBefore = sinceMilliseconds + WINDOW_MILLISECONDS <= promotedAt;
  const isLongAfter = sinceMilliseconds - promotedAt > parseDurationMilliseconds(promotedWithin);
  if (isBefore || isLongAfter || promotedAt > nowMilliseconds) {
    const window = formatDuration(parseDurationMilliseconds(promotedWithin));
    return nothing(
      `${stable} was promoted at ${reportedTime(promotedAt)}, and it did not begin within ${window} after that`,
    );
  }
  const found = targetOf(observation, stated, {});
  if ("refusal" in found) return nothing(found.refusal);
  const { revision } = found;
  const because = alarmText(alarm);
  const at = reportedTime(nowMilliseconds);
  const request = `anomaly-${Math.floor(nowMilliseconds / 1_000)}`;
  return {
    said: `the traffic is taken back to ${revision}`,
    reaction: { type: "Undo", at, because, request },
    undo: { request, revision, because },
  };
}

/** Whether stable serves worse. A level that changed is told by the middle of its band. */
function isWorse({ series, value, low, high }: StatedAlarm, metrics: QualitySpec["metrics"]): boolean {
  const middle = (Number(low) + Number(high)) / 2;
  const isMore = Number(value) > middle;
  const isLess = Number(value) < middle;
  if (series === "latency" || series === "errors") return isMore;
  const metric = metrics.find(({ name }) => series === `metric:${name}`);
  if (metric === undefined) return false;
  return directionOfMetric(metric) === "Lower" ? isMore : isLess;
}

/** When a revision was promoted last, in milliseconds since the Unix epoch, as far as releases tell. */
function promotionOf({ rollouts }: Observation, revision: string | undefined): number | undefined {
  const times = rollouts.flatMap(({ spec, status: { verdict } }) =>
    spec.revision === revision && verdict?.outcome === "Promoted" ? [Date.parse(verdict.at)] : [],
  );
  return times.length === 0 ? undefined : Math.max(...times);
}
