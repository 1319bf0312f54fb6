/**
 * At rest, every experiment is over, or waits for what it says that it waits for; and no arm has anything of the traffic.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady, isTerminating } from "../cluster/pod.ts";
import { experimentsOf } from "../experiment-history.ts";
import type { Facts } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { RestInvariant } from "./invariant.ts";
import { isUndoLost, obstacleTo } from "./obstacle.ts";
import { armsAtRest, outcomeOf, poolOfArms, sharesIn } from "./stored-experiment.ts";

/** Everything about all experiments. */
export const experimentsAtRest: RestInvariant = {
  name: "experiments have come to their end or wait with a true reason, and their arms have no traffic",
  problems(facts) {
    return [
      ...facts.world.objects("ModelDeployment").flatMap((deployment) => trafficProblems(deployment, facts)),
      ...facts.world
        .objects("ModelExperiment")
        .flatMap((experiment) =>
          problemsOf(experiment, facts).map((problem) => `${experiment.metadata.name}: ${problem}`),
        ),
    ];
  },
};

/** What nobody decides about stays as it is. */
function isLeftAlone(deployment: KubeObject, facts: Facts): boolean {
  return valueAt(deployment, "spec", "suspend") === true || isUndoLost(deployment, facts);
}

function trafficProblems(deployment: KubeObject, facts: Facts): readonly string[] {
  if (isLeftAlone(deployment, facts)) return [];
  const { name } = deployment.metadata;
  const current = asString(valueAt(deployment, "status", "experiment", "name"));
  const named = experimentsOf(deployment, facts.world).find(({ metadata }) => metadata.name === current);
  const isOver = current !== undefined && (named === undefined || outcomeOf(named) !== undefined);
  return [
    ...facts
      .plansThatCount(deployment)
      .flatMap((plan) =>
        sharesIn(plan).map(({ name: arm, weight }) => `${name}@${plan.epoch}: ${arm} still has ${weight}`),
      ),
    ...(isOver ? [`${name}: the current experiment is said to be ${current}, which is over`] : []),
  ];
}

function problemsOf(experiment: KubeObject, facts: Facts): readonly string[] {
  const { namespace = "", generation } = experiment.metadata;
  const name = asString(valueAt(experiment, "spec", "modelDeployment")) ?? "";
  const deployment = facts.world.find("ModelDeployment", namespace, name);
  if (deployment !== undefined && isLeftAlone(deployment, facts)) return [];
  const phase = asString(valueAt(experiment, "status", "phase"));
  const outcome = outcomeOf(experiment);
  const seen = valueAt(experiment, "status", "observedGeneration");
  const shares = asList(valueAt(experiment, "status", "arms")).map((arm) => valueAt(arm, "weight"));
  const isStopped = valueAt(experiment, "spec", "stopped") === true;
  return [
    ...(seen === generation ? [] : [`the status is of generation ${seen}, the spec of ${generation}`]),
    ...(shares.every((share) => share === "0%") ? [] : [`it tells of shares ${shares.join(", ")}`]),
    ...(isStopped && outcome === undefined ? ["it was stopped, and goes on"] : []),
    ...((outcome !== undefined) === (phase === "Ended")
      ? []
      : [`it is ${phase}, and its outcome ${outcome}`]),
    ...(outcome !== undefined ? [] : untrueReason(experiment, phase, deployment, facts)),
  ];
}

function untrueReason(
  experiment: KubeObject,
  phase: string | undefined,
  deployment: KubeObject | undefined,
  facts: Facts,
): readonly string[] {
  const reason = asString(valueAt(experiment, "status", "reason")) ?? "";
  if (phase !== "Waiting") return [`it is ${phase}, and nothing happens any more`];
  return isTrue(reason, experiment, deployment, facts) ? [] : [`it waits with the reason ${reason}`];
}

function isTrue(
  reason: string,
  experiment: KubeObject,
  deployment: KubeObject | undefined,
  facts: Facts,
): boolean {
  if (deployment === undefined) return reason === "ModelDeploymentMissing";
  const { stable, candidate, next } = {
    stable: asString(valueAt(deployment, "status", "revisions", "stable")) ?? "",
    candidate: valueAt(deployment, "status", "revisions", "candidate"),
    next: valueAt(deployment, "status", "revisions", "next"),
  };
  switch (reason) {
    case "AnotherExperiment":
      return experimentsOf(deployment, facts.world).some(
        (other) => other !== experiment && outcomeOf(other) === undefined,
      );
    case "ReplicasNotReady":
      return armsAtRest(deployment, facts.world).some(
        ({ revision, pool, replicas }) => readyPods(deployment, revision, pool, facts) < replicas,
      );
    case "ReleaseInProgress":
      return candidate !== undefined || next !== undefined || !isAsWanted(deployment, facts);
    case "StableNotServing": {
      const arms = storedPlan(deployment)?.arms ?? [];
      return arms.length !== 1 || arms[0]?.pools[0]?.revision !== stable || !isAsWanted(deployment, facts);
    }
    case "ModelNotOther":
      return hasTwins(experiment, deployment, stable, facts);
    case "MetricUnusable":
      return !asList(valueAt(deployment, "spec", "quality", "metrics"))
        .map((metric) => valueAt(metric, "name"))
        .includes(valueAt(experiment, "spec", "primary", "metric"));
    case "NotValidated":
      return valueAt(deployment, "spec", "validation") !== undefined;
    case "NoPool":
      return poolOfArms(deployment, facts.world) === undefined;
    default:
      return false;
  }
}

/** Whether nothing keeps the ModelDeployment from being as its spec says. */
function isAsWanted(object: KubeObject, facts: Facts): boolean {
  const { deployment } = readModelDeployment(object);
  return deployment !== undefined && obstacleTo(deployment, facts) === undefined;
}

/** An arm has the model of stable, or of another arm. */
function hasTwins(experiment: KubeObject, deployment: KubeObject, stable: string, { world }: Facts): boolean {
  const record = world.find("ControllerRevision", deployment.metadata.namespace ?? "", stable);
  const models = [
    valueAt(record, "data", "model"),
    ...asList(valueAt(experiment, "spec", "arms")).map((arm) => valueAt(arm, "model")),
  ];
  return models.some((one, index) => models.slice(0, index).some((other) => jsonEquals(one, other)));
}

function readyPods({ metadata }: KubeObject, revision: string, pool: string, { world }: Facts): number {
  return world.objects("Pod").filter((pod) => {
    const { namespace, labels = {} } = pod.metadata;
    const isOurs = namespace === metadata.namespace && labels[LABEL.modelDeployment] === metadata.name;
    const isOfArm = labels[LABEL.modelRevision] === revision && labels[LABEL.pool] === pool;
    return isOurs && isOfArm && isReady(pod) && !isTerminating(pod);
  }).length;
}
