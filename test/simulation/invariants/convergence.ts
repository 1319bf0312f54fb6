/**
 * Where every ModelDeployment has to end up once faults have stopped: the newest spec promoted and ready where the
 * model is good and there is room, and what stands in its way told truly where not.
 */
import type { ConditionReason, ConditionType } from "../../../src/api/conditions.ts";
import { asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../../src/api/model-deployment.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { PoolSpec } from "../../../src/api/pool.ts";
import { desiredReplicas } from "../../../src/core/capacity/desired-replicas.ts";
import { modelRevisionName, modelRevisionOf } from "../../../src/core/revision/model-revision.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady, isTerminating } from "../cluster/pod.ts";
import type { Facts } from "../facts.ts";
import { withStoredReplicas } from "../scaled-replicas.ts";
import type { RestInvariant } from "./invariant.ts";
import { obstacleTo, poolsInUse } from "./obstacle.ts";
import { armsAtRest } from "./stored-experiment.ts";
import { replicasAtRest, storedRelease, verdictOf } from "./stored-release.ts";
import { storedUndo, visibleRecord } from "./stored-undo.ts";

/** Everything about all ModelDeployments. */
export const convergence: RestInvariant = {
  name: "everything has converged",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((object) => {
      const { namespace, name } = object.metadata;
      return problemsOf(object, facts).map((problem) => `${namespace}/${name}: ${problem}`);
    });
  },
};

function problemsOf(object: KubeObject, facts: Facts): readonly string[] {
  const read = readModelDeployment(object);
  if (read.deployment === undefined) return [`cannot be read: ${read.problem}`];
  if (object.metadata.deletionTimestamp !== undefined) return ["is still being deleted"];
  const deployment = withStoredReplicas(read.deployment);
  const view = new View(object, deployment, facts);
  const always = [...view.stalenessProblems(), ...view.honestyProblems()];
  switch (obstacleTo(deployment, facts)) {
    case "Suspended":
      return [...always, ...view.expect("Suspended", "True", "Suspended")];
    case "UndoLost":
      return [...always, ...view.expect("Stalled", "True", "UndoTargetLost")];
    case "NameTaken":
      return [
        ...always,
        ...view.expect("Stalled", "True", "NotOwned"),
        ...view.expect("Ready", "False", "NotOwned"),
      ];
    case "NoRouters":
      // Without routers nobody says that the traffic has left: what stands stays, whatever is asked for.
      return view.isScaledToZero() ? always : [...always, ...view.expect("Ready", "False")];
    case "NoRoom":
      return always;
    case "BrokenModel":
      return [...always, ...view.brokenModelProblems(), ...view.replicaProblems(), ...view.routerProblems()];
    case "Undone":
      return [...always, ...view.undoneProblems(), ...view.replicaProblems(), ...view.routerProblems()];
    case "GivenUp":
      return [
        ...always,
        ...view.expect("Stalled", "True", "RolloutAborted"),
        ...view.expect("Promoted", "False", "RolloutAborted"),
        ...view.replicaProblems(),
        ...view.routerProblems(),
      ];
    case "NotValidated":
      return [...always, ...view.refusedProblems(), ...view.replicaProblems(), ...view.routerProblems()];
    case "ScaledToZero":
      return [
        ...always,
        ...view.expect("Ready", "True", "ScaledToZero"),
        ...view.replicaProblems(),
        ...view.routerProblems(),
      ];
    case undefined:
      return [...always, ...view.servingProblems(), ...view.replicaProblems(), ...view.routerProblems()];
  }
}

/** One ModelDeployment at rest. */
class View {
  readonly #object: KubeObject;
  readonly #deployment: ModelDeployment;
  readonly #facts: Facts;

  constructor(object: KubeObject, deployment: ModelDeployment, facts: Facts) {
    this.#object = object;
    this.#deployment = deployment;
    this.#facts = facts;
  }

  /** Whether no replicas are asked for, in any pool. */
  isScaledToZero(): boolean {
    return poolsInUse(this.#deployment.spec).length === 0;
  }

  /** The status speaks of the newest spec, and of nothing as going on. */
  stalenessProblems(): readonly string[] {
    const { metadata, status } = this.#deployment;
    return status.observedGeneration === metadata.generation
      ? []
      : [`the status is of generation ${status.observedGeneration}, the spec of ${metadata.generation}`];
  }

  /** What is not so is not said. */
  honestyProblems(): readonly string[] {
    const { stable = "" } = this.#deployment.status.revisions ?? {};
    const problems: string[] = [];
    const missing = poolsInUse(this.#deployment.spec).filter(
      (pool) => this.#readyPods(stable, pool) < this.#replicas(pool),
    );
    if (this.#is("Ready", "True") && missing.length > 0) {
      problems.push(`Ready is True, and pool ${missing[0]?.name} lacks replicas`);
    }
    if (this.#is("Promoted", "True") && stable !== this.#desiredRevision()) {
      problems.push(`Promoted is True, and stable is ${stable} instead of ${this.#desiredRevision()}`);
    }
    const planned = (this.#deployment.status.traffic?.arms ?? []).flatMap((arm) => arm.pools);
    const canAnswer = this.#facts.world
      .objects("Pod")
      .some(
        (pod) => this.#isOurs(pod) && isReady(pod) && planned.some(({ revision }) => isOf(pod, revision)),
      );
    if (this.#is("Available", "True") && !canAnswer)
      problems.push("Available is True, and nothing can answer");
    return problems;
  }

  /** All of the newest spec is there, and only that. */
  servingProblems(): readonly string[] {
    const { candidate, stable } = this.#deployment.status.revisions ?? {};
    const desired = this.#desiredRevision();
    return [
      ...this.expect("Ready", "True", "Serving"),
      ...this.expect("Available", "True"),
      ...this.expect("Promoted", "True"),
      ...this.expect("RolloutInProgress", "False"),
      ...(stable === desired && candidate === undefined
        ? []
        : [`stable is ${stable}, candidate ${candidate}; expected ${desired} alone`]),
    ];
  }

  /** What cannot be served is not promoted, and the condition says why. */
  brokenModelProblems(): readonly string[] {
    const { stable = "" } = this.#deployment.status.revisions ?? {};
    const desired = this.#desiredRevision();
    if (stable === desired) return this.expect("Ready", "False", "FetchFailed", "ModelNotLoaded");
    const stableIsWhole = poolsInUse(this.#deployment.spec).every(
      (pool) => this.#readyPods(stable, pool) >= this.#replicas(pool),
    );
    return [
      // What is wrong with a candidate takes nothing from a stable revision that serves.
      ...(stableIsWhole ? this.expect("Ready", "True") : []),
      ...this.expect("Promoted", "False"),
      ...this.expect("RolloutInProgress", "True", "FetchFailed", "ModelNotLoaded"),
    ];
  }

  /** What did not pass is not promoted, the conditions say so, and what served goes on. */
  refusedProblems(): readonly string[] {
    const { stable, candidate } = this.#deployment.status.revisions ?? {};
    const desired = this.#desiredRevision();
    const reasons = ["ValidationFailed", "ValidationNotMeasured"] as const;
    return [
      ...this.expect("Validated", "False", ...reasons),
      ...this.expect("Stalled", "True", ...reasons),
      ...this.expect("Promoted", "False"),
      ...(candidate === undefined ? [] : [`${candidate} is the candidate, and ${desired} did not pass`]),
      ...(stable === desired ? this.expect("Ready", "False", ...reasons) : []),
    ];
  }

  /** The way back is done, unless it cannot be or a person gave it up, and nothing is worked on but that. */
  undoneProblems(): readonly string[] {
    const { stable, candidate } = this.#deployment.status.revisions ?? {};
    const { revision = "" } = storedUndo(this.#object) ?? {};
    const isDone = stable === revision && candidate === undefined;
    const data = valueAt(visibleRecord(this.#object, revision, this.#facts.world), "data");
    const isBroken = poolsInUse(this.#deployment.spec).some(({ name }) =>
      (
        asString(valueAt(data, "poolModels", name, "uri")) ?? asString(valueAt(data, "model", "uri"))
      )?.includes("broken"),
    );
    const isAborted = verdictOf(storedRelease(this.#object, this.#facts.world)) === "Aborted";
    return [
      ...this.expect("Undone", "True", isDone ? "Undone" : "Undoing"),
      ...this.expect("Promoted", "False"),
      ...(isDone || isBroken || isAborted ? [] : [`${stable} serves, and the undo goes to ${revision}`]),
      ...(isDone ? this.expect("Stalled", "True", "Undone") : this.expect("Stalled", "True")),
      ...(isDone && !isBroken ? this.expect("Ready", "True", "Serving") : []),
    ];
  }

  /**
   * Model servers stand for the revisions in use and for nothing else, each with its replicas. A pool that the spec
   * gave up stays while the plan still names it: the others may never become ready.
   */
  replicaProblems(): readonly string[] {
    const { stable, candidate } = this.#deployment.status.revisions ?? {};
    const { uid } = this.#deployment.metadata;
    const standing = this.#facts.world
      .objects("Deployment")
      .filter((child) => this.#facts.ownerOf(child)?.metadata.uid === uid);
    const arms = armsAtRest(this.#object, this.#facts.world);
    const expected = [stable, candidate].flatMap((revision) =>
      revision === undefined ? [] : this.#deployment.spec.pools.map((pool) => ({ revision, pool })),
    );
    const planned = (this.#deployment.status.traffic?.arms ?? []).flatMap((arm) => arm.pools);
    const isHeld = (child: KubeObject) =>
      planned.some(({ revision, pool }) => isOf(child, revision) && isIn(child, pool));
    // Without its label, nobody but the garbage collector knows any more whose a child is.
    const visible = standing.filter(({ metadata }) => metadata.labels?.[LABEL.managedBy] === MANAGED_BY);
    const surplus = visible.filter(
      (child) =>
        !expected.some(({ revision, pool }) => isOf(child, revision) && isIn(child, pool.name)) &&
        !arms.some(({ revision, pool }) => isOf(child, revision) && isIn(child, pool)) &&
        !isHeld(child),
    );
    const wrong = expected.flatMap(({ revision, pool }) => {
      const child = standing.find((present) => isOf(present, revision) && isIn(present, pool.name));
      const replicas = asNumber(valueAt(child, "spec", "replicas"));
      const wanted = replicasAtRest(this.#object, revision, this.#replicas(pool), this.#facts.world);
      const isAsWanted = replicas === wanted || (wanted === 0 && child !== undefined && isHeld(child));
      return isAsWanted ? [] : [`${revision} in pool ${pool.name} has ${replicas} of ${wanted} replicas`];
    });
    const wrongArms = arms.flatMap(({ revision, pool, replicas }) => {
      const child = standing.find((present) => isOf(present, revision) && isIn(present, pool));
      const found = asNumber(valueAt(child, "spec", "replicas"));
      return found === replicas
        ? []
        : [`arm ${revision} in pool ${pool} has ${found} of ${replicas} replicas`];
    });
    return [...surplus.map(({ metadata }) => `Deployment ${metadata.name} is left`), ...wrong, ...wrongArms];
  }

  /** The Service leads to the routers, and all of them carry out the newest plan. */
  routerProblems(): readonly string[] {
    const { namespace, name } = this.#deployment.metadata;
    const { traffic } = this.#deployment.status;
    const service = this.#facts.world.find("Service", namespace, name);
    const [port] = [valueAt(service, "spec", "ports")].flat();
    const late = this.#facts.plansInEffect(this.#object).filter((plan) => plan.epoch !== traffic?.epoch);
    return [
      ...(valueAt(port, "targetPort") === traffic?.port ? [] : ["the Service leads to another port"]),
      ...late.map(({ epoch }) => `a router carries out epoch ${epoch} instead of ${traffic?.epoch}`),
    ];
  }

  /** What differs from one condition. */
  expect(
    type: ConditionType,
    status: "True" | "False",
    ...reasons: readonly ConditionReason[]
  ): readonly string[] {
    const found = this.#deployment.status.conditions?.find((condition) => condition.type === type);
    const isSo =
      found?.status === status && (reasons.length === 0 || reasons.some((reason) => reason === found.reason));
    const wanted = [status, ...reasons].join(" ");
    return isSo
      ? []
      : [`${type} is ${found?.status} ${found?.reason} (${found?.message}), expected ${wanted}`];
  }

  #is(type: ConditionType, status: "True" | "False"): boolean {
    return this.expect(type, status).length === 0;
  }

  #desiredRevision(): string {
    return modelRevisionName(this.#deployment.metadata.name, modelRevisionOf(this.#deployment.spec));
  }

  #replicas(pool: PoolSpec): number {
    return desiredReplicas(this.#deployment.spec, pool);
  }

  #isOurs({ metadata }: KubeObject): boolean {
    const { namespace, name } = this.#deployment.metadata;
    return metadata.namespace === namespace && metadata.labels?.[LABEL.modelDeployment] === name;
  }

  #readyPods(revision: string, pool: PoolSpec): number {
    return this.#facts.world
      .objects("Pod")
      .filter((pod) => this.#isOurs(pod) && isOf(pod, revision) && isIn(pod, pool.name))
      .filter((pod) => isReady(pod) && !isTerminating(pod)).length;
  }
}

function isOf({ metadata }: KubeObject, revision: string): boolean {
  return metadata.labels?.[LABEL.modelRevision] === revision;
}

function isIn({ metadata }: KubeObject, pool: string): boolean {
  return metadata.labels?.[LABEL.pool] === pool;
}
