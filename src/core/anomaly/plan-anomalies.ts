/**
 * Planner `anomalies`: which alarms of the watched series go on, and what follows from those that begin.
 *
 * Each alarm is decided about once, when it is first seen, and what was decided is stored together with it: an operator
 * that is killed neither repeats nor forgets it. What is not known ends no alarm and begins none.
 */
import type { SeriesAlarm, WatchedDeployment } from "../../anomaly/watched-answer.ts";
import type { AnomaliesStatus, StatedAlarm, StatedReaction } from "../../api/anomaly-status.ts";
import type { Observation } from "../observation.ts";
import type { StatedRevision } from "../revision/stated-revision.ts";
import { currentRelease } from "../rollout/current-release.ts";
import { knowledgeOf } from "../rollout/gates/reading.ts";
import type { AskedUndo } from "../undo/plan-undo.ts";
import { isSameAlarm, statedAlarm } from "./alarm-words.ts";
import { reactionTo, recentReactions } from "./react.ts";

/** What is known of the series. */
export type SeriesKnowledge =
  /** The collector was not asked yet, by this operator. */
  | { readonly type: "NotAsked" }
  | { readonly type: "Unknown"; readonly reason: string }
  | { readonly type: "Known"; readonly watched: WatchedDeployment };

/** A pause of one very ModelRollout, which says then because of what. */
interface PlannedPause {
  /** Name of the ModelRollout. */
  readonly rollout: string;
  readonly uid: string;
  readonly because: string;
}

/** What of anomalies is decided. */
export interface AnomalyPlan {
  /** For the status of the ModelDeployment; absent where there is nothing to keep. */
  readonly status?: AnomaliesStatus;
  /** Absent where no series are watched. */
  readonly knowledge?: SeriesKnowledge;
  /** The undo that follows from an alarm that begins. */
  readonly undo?: AskedUndo;
  /** A release that is to be paused; stored, and not seen to be done yet. */
  readonly pause?: PlannedPause;
}

/** A pause that could not be written for so long, as all was suspended, comes too late to be what anybody expects. */
const PAUSE_WITHIN_MILLISECONDS = 3_600_000;

/** Decides about the alarms. Nothing follows from any while the ModelDeployment is suspended. */
export function planAnomalies(observation: Observation, stated: StatedRevision): AnomalyPlan {
  const stored = observation.deployment.status.anomalies ?? {};
  const kept = recentReactions(stored.reactions ?? [], observation.nowMilliseconds).map((reaction) =>
    isSeenDone(observation, reaction) ? { ...reaction, isDone: true } : reaction,
  );
  if (observation.deployment.spec.quality?.anomalies === undefined) return withStatus([], kept);
  const knowledge = seriesKnowledge(observation);
  const standing = stored.alarms ?? [];
  if (knowledge.type !== "Known") {
    return { ...withStatus(standing, kept), knowledge, ...pauseOf(observation, kept) };
  }
  let [reactions, undo]: [readonly StatedReaction[], AskedUndo | undefined] = [kept, undefined];
  const alarms: StatedAlarm[] = [];
  for (const alarm of goingOn(knowledge.watched, standing)) {
    const before = standing.find((one) => isSameAlarm(one, alarm));
    if (before !== undefined) {
      alarms.push(before);
      continue;
    }
    const { said, reaction, undo: asked } = reactionTo(alarm, observation, stated, reactions);
    if (reaction !== undefined) reactions = [...reactions, reaction];
    undo ??= asked;
    alarms.push({ ...alarm, ...(said === undefined ? {} : { reaction: said }) });
  }
  return {
    ...withStatus(alarms, reactions),
    knowledge,
    ...(undo === undefined ? {} : { undo }),
    ...pauseOf(observation, reactions),
  };
}

/** What is known now. */
function seriesKnowledge({ anomalies, nowMilliseconds }: Observation): SeriesKnowledge {
  if (anomalies === undefined) return { type: "NotAsked" };
  const known = knowledgeOf(anomalies, "collector", nowMilliseconds);
  return known.isKnown ? { type: "Known", watched: known.value } : { type: "Unknown", reason: known.reason };
}

/** The alarms that were told of, and those of series of which nothing is known, in a lasting order. */
function goingOn(
  { alarms, unknown }: { readonly alarms: readonly SeriesAlarm[]; readonly unknown: readonly string[] },
  standing: readonly StatedAlarm[],
): readonly StatedAlarm[] {
  return [...standing.filter(({ series }) => unknown.includes(series)), ...alarms.map(statedAlarm)].toSorted(
    (left, right) => (left.series < right.series ? -1 : 1),
  );
}

function withStatus(
  alarms: readonly StatedAlarm[],
  reactions: readonly StatedReaction[],
): Pick<AnomalyPlan, "status"> {
  if (alarms.length === 0 && reactions.length === 0) return {};
  return {
    status: {
      ...(alarms.length === 0 ? {} : { alarms: [...alarms] }),
      ...(reactions.length === 0 ? {} : { reactions: [...reactions] }),
    },
  };
}

/** Whether a release is paused by a reaction. Once it is, people may take the pause away with whatever names its reason. */
function isSeenDone({ rollouts }: Observation, { rollout, because }: StatedReaction): boolean {
  return rollouts.some(({ name, spec }) => name === rollout && spec.pausedFor === because);
}

/** The latest pause of the current release, where its ModelRollout did not have it yet and it is not long ago. */
function pauseOf(observation: Observation, reactions: readonly StatedReaction[]): Pick<AnomalyPlan, "pause"> {
  const { rollout } = currentRelease(observation) ?? {};
  if (rollout === undefined || rollout.status.verdict !== undefined) return {};
  if (observation.deployment.spec.suspend === true) return {};
  const latest = reactions.findLast((reaction) => reaction.rollout === rollout.name);
  if (latest === undefined || latest.isDone === true) return {};
  if (observation.nowMilliseconds - Date.parse(latest.at) > PAUSE_WITHIN_MILLISECONDS) return {};
  return { pause: { rollout: rollout.name, uid: rollout.uid, because: latest.because } };
}

/** The releases with what is about to be written into them: a release takes no step meanwhile. */
export function withPause(observation: Observation, { pause }: AnomalyPlan): Observation {
  if (pause === undefined) return observation;
  return {
    ...observation,
    rollouts: observation.rollouts.map((rollout) =>
      rollout.name === pause.rollout
        ? { ...rollout, spec: { ...rollout.spec, paused: true, pausedFor: pause.because } }
        : rollout,
    ),
  };
}
