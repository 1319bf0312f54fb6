/**
 * The arms of an experiment have the shares that it says, beside a stable revision that could carry everything, and beside no
 * release. What is said of them rests on what was counted, and a verdict stands.
 */
import { parseDurationMilliseconds } from "../../../src/api/duration.ts";
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { type Facts, isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import { storedPools } from "../scaled-replicas.ts";
import type { Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";
import { outcomeOf, sharesIn, sharesOf } from "./stored-experiment.ts";

function isReport({ actor, call, after }: Write, kind: "ModelDeployment" | "ModelExperiment"): boolean {
  return after?.kind === kind && call?.subresource === "status" && isOperator(actor);
}

/** Shares that are given anew are those of an experiment that runs, as its process stored or confirmed it before. */
export const experimentShares: Invariant = {
  name: "no shares but those that a running experiment says, and that stored first",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (!isReport(write, "ModelDeployment") || after === undefined) return undefined;
    const shares = sharesIn(storedPlan(after));
    const former = before === undefined ? [] : sharesIn(storedPlan(before));
    if (shares.length === 0 || jsonEquals(shares, former)) return undefined;
    const name = asString(valueAt(after, "status", "experiment", "name"));
    const about = `${after.metadata.name}: ${JSON.stringify(shares)}`;
    if (name === undefined) return `${about}, and no experiment is named`;
    const experiment = facts.experiments.seenBy(actor, after.metadata.namespace ?? "", name);
    if (experiment === undefined) return `${about}, and ${name} was never reported on by ${actor}`;
    if (valueAt(experiment, "spec", "stopped") === true) return `${about}, and a person stopped ${name}`;
    const phase = valueAt(experiment, "status", "phase");
    if (phase !== "Running") return `${about}, and ${name} is ${phase}`;
    const wanted = sharesOf(experiment);
    return jsonEquals(shares, wanted) ? undefined : `${about}, and ${name} says ${JSON.stringify(wanted)}`;
  },
};

/** No plan gives shares to an experiment beside a candidate, or copies. */
export const experimentAlone: Invariant = {
  name: "an experiment and a release never share the traffic",
  brokenBy(write) {
    const { after } = write;
    if (!isReport(write, "ModelDeployment") || after === undefined) return undefined;
    const plan = storedPlan(after);
    if (sharesIn(plan).length === 0 || valueAt(after, "spec", "suspend") === true) return undefined;
    const candidate =
      asString(valueAt(after, "status", "revisions", "candidate")) ??
      plan?.arms.find(({ name }) => name === "Candidate")?.name ??
      plan?.mirror?.pools[0]?.revision;
    return candidate === undefined
      ? undefined
      : `${after.metadata.name}: arms have shares beside ${candidate}`;
  },
};

/** Every plan with shares counts on stable's replicas for all of the traffic, and puts them behind each arm. */
export const stableStaysWhole: Invariant = {
  name: "behind every arm of an experiment stands stable, with replicas for all of the traffic",
  brokenBy(write) {
    const { before, after } = write;
    if (!isReport(write, "ModelDeployment") || after === undefined) return undefined;
    const plan = storedPlan(after);
    const former = before === undefined ? undefined : storedPlan(before);
    if (plan === undefined || plan.epoch === former?.epoch || sharesIn(plan).length === 0) return undefined;
    const revision = asString(valueAt(after, "status", "revisions", "stable"));
    const wanted = storedPools(after).flatMap(({ name, replicas }) =>
      replicas === 0 ? [] : [{ pool: name, revision, replicas }],
    );
    const lacking = plan.arms.find(({ pools }) =>
      wanted.some((one) => !pools.some((planned) => jsonEquals(planned, one))),
    );
    return lacking === undefined
      ? undefined
      : `${after.metadata.name}@${plan.epoch}: behind ${lacking.name} is ${JSON.stringify(lacking.pools)}, not ${JSON.stringify(wanted)}`;
  },
};

/** What came of an experiment is never taken back, nor told in other words. */
export const verdictStands: Invariant = {
  name: "the verdict of an experiment never changes",
  brokenBy({ before, after }) {
    if (before?.kind !== "ModelExperiment" || after === undefined) return undefined;
    const [former, now] = [before, after].map((experiment) => valueAt(experiment, "status", "verdict"));
    return former === undefined || jsonEquals(former, now)
      ? undefined
      : `${after.metadata.name}: ${JSON.stringify(former)} becomes ${JSON.stringify(now)}`;
  },
};

/** What is told of the arms, and why an experiment ends, is what its process was told; and it ends in its time. */
export const foundByEvidence: Invariant = {
  name: "never a finding without its evidence, nor an end without its reason",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (!isReport(write, "ModelExperiment") || after === undefined) return undefined;
    const { name, uid = "" } = after.metadata;
    const told = facts.judges.counted.toldTo(actor, uid);
    const found = newFindings(before, after);
    if (found.has("Better") && told?.isBetter !== true)
      return `${name}: an arm is called better without reason`;
    if (found.has("Worse") && told?.isHarmful !== true)
      return `${name}: an arm is called worse without reason`;
    if (before !== undefined && outcomeOf(before) !== undefined) return undefined;
    const isStopped = valueAt(after, "spec", "stopped") === true;
    const reason = asString(valueAt(after, "status", "verdict", "reason"));
    if (reason === "HarmShown" && told?.isHarmful !== true)
      return `${name}: nobody has told ${actor} of harm`;
    if (reason === "ArmsSkewed" && told?.isAstray !== true) return `${name}: nobody went astray`;
    // A report is of the very version that its process has read.
    if (isStopped !== (reason === "StoppedByPerson"))
      return `${name}: it is ${isStopped ? "stopped" : "not stopped"} by a person, and ends for ${reason}`;
    const hadShares = asList(valueAt(after, "status", "shares")).length > 0;
    // By a clock that has jumped an hour of patience may be over after one try.
    if (reason === "DurationPassed" && hadShares && told === undefined && !facts.clocksDiffer)
      return `${name}: ${actor} has read nothing of it`;
    return endedTooEarly(after, facts);
  },
};

/** Kinds of findings that the report says and the one before did not. */
function newFindings(before: KubeObject | undefined, after: KubeObject): ReadonlySet<string> {
  const [former, now] = [before, after].map((experiment) =>
    asList(valueAt(experiment, "status", "arms")).flatMap((arm) =>
      asList(valueAt(arm, "findings")).map(
        (finding) => `${valueAt(arm, "name")} ${valueAt(finding, "metric")} ${valueAt(finding, "finding")}`,
      ),
    ),
  );
  const isNew = (finding: string) => !(former ?? []).includes(finding);
  return new Set((now ?? []).filter(isNew).flatMap((finding) => finding.split(" ").at(-1) ?? []));
}

/** Nobody's time is over before it is. Where clocks have jumped, nobody can tell. */
function endedTooEarly(experiment: KubeObject, { clocksDiffer, world }: Facts): string | undefined {
  const { phase, startedAt, verdict } = {
    phase: valueAt(experiment, "status", "phase"),
    startedAt: asString(valueAt(experiment, "status", "startedAt")),
    verdict: valueAt(experiment, "status", "verdict", "reason"),
  };
  const isOver = phase === "Concluding" || verdict === "DurationPassed";
  if (clocksDiffer || !isOver || startedAt === undefined) return undefined;
  const duration = parseDurationMilliseconds(asString(valueAt(experiment, "spec", "duration")) ?? "0s");
  const lasted = world.clock.now() - Date.parse(startedAt);
  // Stored times are whole milliseconds.
  return lasted >= duration - 1
    ? undefined
    : `${experiment.metadata.name}: it is ${phase} after ${lasted} ms instead of ${duration}`;
}
