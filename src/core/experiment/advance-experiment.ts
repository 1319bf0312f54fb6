/**
 * The state machine of an experiment: from its stored status, what people said and what is seen, to its next status. Pure.
 *
 * Its memory is the phase, the times and the verdict. A verdict is never taken back. The arms have traffic in the phase
 * `Running` alone; they lose it at once when one of them has no ready replica, and get it back with all of them. The planned
 * time is counted by a stored time and goes on meanwhile. No finding ends an experiment early but harm: who stops when one arm
 * looks well has shown less than was planned, and weekdays differ.
 */

import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { ExperimentVerdict, ModelExperimentStatus } from "../../api/experiment-status.ts";
import { jsonEquals } from "../../api/json-equals.ts";
import { present } from "../rollout/gates/figure-text.ts";
import { earliestAfter, rolloutTime } from "../rollout/rollout-time.ts";
import { describeExperiment, verdictWords } from "./describe-experiment.ts";
import type { ExperimentOutcome, ExperimentView, Interruption, Obstacle } from "./experiment-view.ts";

/** After the arms have lost their shares: routers take the plan up, and tell the collector of the last answers. */
export const CONCLUSION_SLACK_MILLISECONDS = 300_000;
/** So long a conclusion waits for evidence that cannot be read; then it is over with what was read before. */
export const CONCLUSION_PATIENCE_MILLISECONDS = 3_600_000;

/** After these nobody can read the last labels any more; to the others they come all the same. */
const ENDS_THE_EVIDENCE: ReadonlySet<Interruption["reason"]> = new Set([
  "MetricChanged",
  "ModelDeploymentGone",
]);

/** Takes one look. */
export function advanceExperiment(before: ExperimentView): ExperimentOutcome {
  if (before.status.verdict !== undefined) return over(before, before.status, before.status.verdict);
  const view = withTimesAhead(before);
  const { status, nowMilliseconds: now } = view;
  const seen = withJudgement(view);
  const verdict = verdictOf(view, seen);
  if (verdict !== undefined) return over(view, seen, verdict);
  if (status.phase === "Concluding") return concluding(view, seen);
  const endsAt = timeOf(status.endsAt);
  if (endsAt !== undefined && now >= endsAt) return concluding(view, seen);
  const obstacle = obstacleNow(view);
  return obstacle === undefined ? running(view, seen) : waiting(view, seen, obstacle);
}

/** A clock that was set back must make neither an experiment nor the wait for its last labels longer by as much. */
function withTimesAhead(view: ExperimentView): ExperimentView {
  const { spec, status, nowMilliseconds: now, slowestLabelMilliseconds } = view;
  const atMost = (text: string | undefined, ahead: number) =>
    text !== undefined && Date.parse(text) > now + ahead ? rolloutTime(now + ahead) : text;
  const times = present({
    startedAt: atMost(status.startedAt, 0),
    endsAt: atMost(status.endsAt, parseDurationMilliseconds(spec.duration)),
    concludesAt: atMost(status.concludesAt, slowestLabelMilliseconds + CONCLUSION_SLACK_MILLISECONDS),
  });
  return { ...view, status: { ...status, ...times } };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

/** The status with what the arms are by now, and with what the evidence says, if it says anything new. */
function withJudgement({ status, arms, shares, stable, judgement }: ExperimentView): ModelExperimentStatus {
  const found = status.arms ?? [];
  const { evidenceAt: readBefore, ...rest } = status;
  const isNew = found.some(
    ({ name, findings = [] }) => !jsonEquals(findings, judgement?.findings.get(name) ?? findings),
  );
  // A reading that says the same is no news, and nothing is written for it.
  const evidenceAt =
    judgement !== undefined && (isNew || readBefore === undefined)
      ? rolloutTime(judgement.atMilliseconds)
      : readBefore;
  return {
    ...rest,
    stable: status.startedAt === undefined ? stable : (status.stable ?? stable),
    ...present({ evidenceAt }),
    arms: arms.map((arm) => {
      const findings =
        judgement?.findings.get(arm.name) ?? found.find(({ name }) => name === arm.name)?.findings;
      return { ...arm, ...(findings === undefined ? {} : { findings: [...findings] }) };
    }),
    ...(shares.length === 0 ? {} : { shares: [...shares] }),
  };
}

function verdictOf(view: ExperimentView, seen: ModelExperimentStatus): ExperimentVerdict | undefined {
  const { spec, status, judgement, interruption, nowMilliseconds: now } = view;
  const isConcluding = status.phase === "Concluding";
  const hasBegun = status.startedAt !== undefined;
  const fall = (
    outcome: ExperimentVerdict["outcome"],
    reason: ExperimentVerdict["reason"],
    why: string,
  ): ExperimentVerdict => ({
    outcome,
    reason,
    message: verdictWords(why, seen),
    at: rolloutTime(now),
  });
  if (spec.stopped === true) {
    const said = spec.reason === undefined ? "" : `: ${spec.reason}`;
    return fall("Stopped", "StoppedByPerson", `a person stopped it${said}`);
  }
  if (hasBegun && judgement?.skew !== undefined) return fall("Stopped", "ArmsSkewed", judgement.skew);
  if (hasBegun && !isConcluding && judgement?.harm !== undefined) {
    return fall("Stopped", "HarmShown", judgement.harm);
  }
  const isCut = interruption !== undefined && (!isConcluding || ENDS_THE_EVIDENCE.has(interruption.reason));
  if (hasBegun && isCut) {
    return fall("Interrupted", interruption.reason, interruption.message);
  }
  const concludesAt = timeOf(status.concludesAt);
  if (!isConcluding || concludesAt === undefined || now < concludesAt) return undefined;
  const readAt = judgement?.atMilliseconds ?? Number.NEGATIVE_INFINITY;
  if ((seen.shares ?? []).length === 0) {
    // Of these nothing is ever asked.
    return fall("Completed", "DurationPassed", "its time is over, and its arms never had their shares");
  }
  if (readAt >= concludesAt) return fall("Completed", "DurationPassed", "its time is over");
  // Whoever has just begun to lead, or has another clock, tries first.
  if (view.isUnread === true || now < concludesAt + CONCLUSION_PATIENCE_MILLISECONDS) return undefined;
  const unread = "its time is over, and its last labels could not be read";
  return fall("Completed", "DurationPassed", unread);
}

/** What is found stays. */
function over(
  view: ExperimentView,
  status: ModelExperimentStatus,
  verdict: ExperimentVerdict,
): ExperimentOutcome {
  const { sharesInEffectAt: _over, ...rest } = status;
  const arms = rest.arms?.map((arm) => ({ ...arm, weight: "0%", replicas: 0, readyReplicas: 0 }));
  const ended = { ...rest, ...present({ arms }), verdict };
  return {
    status: describeExperiment(view, ended, "Ended", verdict.reason, verdict.message),
    givesShares: false,
    needsReplicas: false,
  };
}

/** Why the arms get no shares now. What runs goes on until an arm has nobody left; what waits gets all it needs first. */
function obstacleNow({ status, arms, obstacle, shortage }: ExperimentView): Obstacle | undefined {
  const isRunning = status.phase === "Running";
  if (!isRunning && obstacle !== undefined) return obstacle;
  const isShort = arms.some(({ replicas, readyReplicas }) =>
    isRunning ? readyReplicas === 0 || replicas === 0 : readyReplicas < replicas || replicas === 0,
  );
  return isShort ? { reason: "ReplicasNotReady", message: shortage } : undefined;
}

function waiting(
  view: ExperimentView,
  seen: ModelExperimentStatus,
  { reason, message }: Obstacle,
): ExperimentOutcome {
  const { sharesInEffectAt: _lost, ...rest } = seen;
  const needsReplicas = reason === "ReplicasNotReady";
  const arms = (rest.arms ?? []).map((arm) => ({
    ...arm,
    weight: "0%",
    ...(needsReplicas ? {} : { replicas: 0, readyReplicas: 0 }),
  }));
  const words = rest.startedAt === undefined ? message : `the arms lost their shares: ${message}`;
  return {
    status: describeExperiment(view, { ...rest, arms }, "Waiting", reason, words),
    givesShares: false,
    needsReplicas,
    ...present({ wakeAtMilliseconds: earliestAfter(view.nowMilliseconds, [timeOf(rest.endsAt)]) }),
  };
}

function running(view: ExperimentView, seen: ModelExperimentStatus): ExperimentOutcome {
  const { spec, metrics, isInEffect, nowMilliseconds: now, ignorance } = view;
  const { sharesInEffectAt: before, ...rest } = seen;
  const startedAt = rest.startedAt ?? rolloutTime(now);
  const endsAt = rest.endsAt ?? rolloutTime(now + parseDurationMilliseconds(spec.duration));
  const sharesInEffectAt = isInEffect ? (before ?? rolloutTime(now)) : undefined;
  const judged = rest.metrics ?? [...metrics];
  const status = { ...rest, metrics: judged, startedAt, endsAt, ...present({ sharesInEffectAt }) };
  const message =
    sharesInEffectAt === undefined
      ? "not every router gives the arms their shares yet"
      : `the arms have their shares until ${endsAt}${ignorance === undefined ? "" : `; ${ignorance}`}`;
  return {
    status: describeExperiment(view, status, "Running", undefined, message),
    givesShares: true,
    needsReplicas: true,
    ...present({ wakeAtMilliseconds: earliestAfter(now, [timeOf(endsAt)]) }),
  };
}

function concluding(view: ExperimentView, seen: ModelExperimentStatus): ExperimentOutcome {
  const { nowMilliseconds: now, slowestLabelMilliseconds, ignorance } = view;
  const { sharesInEffectAt: _over, ...rest } = seen;
  const wait = slowestLabelMilliseconds + CONCLUSION_SLACK_MILLISECONDS;
  const concludesAt = rest.concludesAt ?? rolloutTime(now + wait);
  const arms = (rest.arms ?? []).map((arm) => ({ ...arm, weight: "0%", replicas: 0, readyReplicas: 0 }));
  const message = `stable has all the traffic; the last labels come until ${concludesAt}${ignorance === undefined ? "" : `; ${ignorance}`}`;
  const due = Date.parse(concludesAt);
  return {
    status: describeExperiment(view, { ...rest, concludesAt, arms }, "Concluding", undefined, message),
    givesShares: false,
    needsReplicas: false,
    ...present({
      wakeAtMilliseconds: earliestAfter(now, [due, due + CONCLUSION_PATIENCE_MILLISECONDS]),
    }),
  };
}
