/**
 * What has happened so far, as far as invariants speak of it: more than the store tells, for it holds only the
 * present. Filled from the truth; the operator's own view has no part in it.
 */
import { asList, asNumber, asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { LABEL } from "../../src/api/names.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { keyOf } from "../../src/kube/object-key.ts";
import type { PortCall } from "../memory-cluster/faulty-port.ts";
import { isReady, isRouter } from "./cluster/pod.ts";
import type { Probers } from "./cluster/probers.ts";
import type { Routers } from "./cluster/routers.ts";
import { DrillHistory } from "./drill-history.ts";
import { ExperimentHistory } from "./experiment-history.ts";
import type { Judges } from "./judges.ts";
import type { Loads } from "./loads.ts";
import { type PlanHistory, storedPlan, storedRoles } from "./plan-history.ts";
import { storedReplicas } from "./scaled-replicas.ts";
import type { ValidationHistory } from "./validation-history.ts";
import type { World, Write } from "./world.ts";

/** Whether a name is that of an operator process. */
export function isOperator(actor: string): boolean {
  return actor.startsWith("operator-");
}

/** Who counts on an object. */
export interface Needs {
  /** Plans that are stored, and plans that live routers carry out. */
  readonly plans: readonly TrafficPlan[];
  /** Revisions that have a role, or shares of an experiment. */
  readonly roles: readonly string[];
  /** Replicas that the spec asks for where the object is the model servers of a revision with a role. */
  readonly size?: number | undefined;
}

/** What was so when a call was sent. */
export interface WhenSent extends Needs {
  /** Since its last write that takes capacity away, the process has sent the status of the ModelDeployment. */
  readonly hasLooked: boolean;
}

const NOTHING_NEEDED: WhenSent = { plans: [], roles: [], hasLooked: false };

/** The truth and its past. */
export class Facts {
  readonly world: World;
  readonly history: PlanHistory;
  readonly judges: Judges;
  readonly validations: ValidationHistory;
  readonly experiments: ExperimentHistory;
  readonly loads: Loads;
  readonly probers: Probers;
  readonly drills: DrillHistory;
  readonly #routers: Routers;
  /** By `NAMESPACE/NAME REVISION POOL`: uids of the pods that were ready some time. */
  readonly #everReady = new Map<string, Set<string>>();
  readonly #foreign = new Set<string>();
  /** By process and object: what counted when the call that is under way was sent. */
  readonly #whenSent = new Map<string, WhenSent>();
  /** `PROCESS UID` of ModelDeployments whose status the process has sent since it last took capacity away. */
  readonly #looked = new Set<string>();
  /** `NAMESPACE/NAME` of every ControllerRevision that was ever stored. */
  readonly #kept = new Set<string>();
  /** By `PROCESS UID`: the generation at which the process has reported a ModelDeployment as suspended. */
  readonly #suspended = new Map<string, number | undefined>();

  /** By `PROCESS NAMESPACE/NAME`: a ModelRollout as it was when the process last stored or confirmed its status. */
  readonly #releasesSeen = new Map<string, KubeObject>();
  /** By uid of the ModelRollout and number of the step: when it was first stored. */
  readonly #begun = new Map<string, number>();
  /** By `UID STEP` of a ModelRollout: since when the step is told as in effect, and whether all was calm then. */
  readonly #inEffect = new Map<string, { readonly at: number; readonly isCalm: boolean }>();
  /** Some operator's clock has jumped: stored times of several processes cannot be compared any more. */
  clocksDiffer = false;
  /** Nothing goes wrong any more. */
  isCalm = false;

  constructor(
    world: World,
    routers: Routers,
    history: PlanHistory,
    judges: Judges,
    validations: ValidationHistory,
    loads: Loads,
    probers: Probers,
  ) {
    this.probers = probers;
    this.drills = new DrillHistory(world);
    this.world = world;
    this.history = history;
    this.judges = judges;
    this.validations = validations;
    this.experiments = new ExperimentHistory(world);
    this.loads = loads;
    this.#routers = routers;
    world.onWrite((write) => {
      const { after } = write;
      if (after?.kind === "Pod" && isReady(after)) this.#noteReady(after);
      if (after?.kind === "ControllerRevision") this.#kept.add(keyOf(after.metadata));
      if (after?.kind === "ModelDeployment") this.#noteSuspended(write, after);
      if (after?.kind === "ModelRollout") this.#noteRelease(write, after);
    });
  }

  /** Says that an object is none of the operator's business, whatever it is called. */
  markForeign({ metadata }: KubeObject): void {
    if (metadata.uid !== undefined) this.#foreign.add(metadata.uid);
  }

  /** Whether an object belongs to somebody else. */
  isForeign({ metadata }: KubeObject): boolean {
    return metadata.uid !== undefined && this.#foreign.has(metadata.uid);
  }

  /**
   * How many replicas of a revision in a pool were ready, each at some time. Told by labels, as the operator does: replicas of
   * a former ModelDeployment of the same name and model count, too, as long as they are not collected.
   */
  everReady({ metadata }: KubeObject, revision: string, pool: string): number {
    return this.#everReady.get(`${metadata.namespace}/${metadata.name} ${revision} ${pool}`)?.size ?? 0;
  }

  /** Whether a ControllerRevision of the name was ever stored. */
  wasKept(namespace: string, name: string): boolean {
    return this.#kept.has(keyOf({ namespace, name }));
  }

  /** Whether a process has reported a ModelDeployment as suspended, and its spec is the same still. */
  hasSuspended(actor: string, { metadata }: KubeObject): boolean {
    const { uid, generation } = metadata;
    return generation !== undefined && this.#suspended.get(`${actor} ${uid}`) === generation;
  }

  /** The plan that is stored for a ModelDeployment, and those that live routers carry out. */
  plansThatCount(deployment: KubeObject): readonly TrafficPlan[] {
    const stored = storedPlan(deployment);
    const inEffect = this.#routers.plansInEffect(deployment);
    return stored === undefined ? inEffect : [stored, ...inEffect];
  }

  /** The plans that live routers carry out for a ModelDeployment. */
  plansInEffect(deployment: KubeObject): readonly TrafficPlan[] {
    return this.#routers.plansInEffect(deployment);
  }

  /** A ModelRollout as a process last knew it to be stored. */
  releaseSeenBy(actor: string, namespace: string, name: string): KubeObject | undefined {
    return this.#releasesSeen.get(`${actor} ${namespace}/${name}`);
  }

  /**
   * For how long a step of a ModelRollout has been in effect, as its status tells, in milliseconds; undefined when it
   * is not.
   */
  sinceInEffect({ metadata }: KubeObject, step: number): number | undefined {
    const since = this.#inEffect.get(`${metadata.uid} ${step}`);
    return since === undefined ? undefined : this.world.clock.monotonic() - since.at;
  }

  /** Whether nothing has gone wrong since a step of a ModelRollout is in effect. */
  calmSince({ metadata }: KubeObject, step: number): boolean {
    return this.#inEffect.get(`${metadata.uid} ${step}`)?.isCalm === true;
  }

  /** The ModelDeployment of a child as it stands now; undefined when that is gone. */
  ownerOf(child: KubeObject): KubeObject | undefined {
    const owner = this.world.controllerOf(child);
    return owner?.kind === "ModelDeployment" && this.world.exists(owner.metadata.uid) ? owner : undefined;
  }

  /** What a ModelDeployment, or a namespace's routers, need of an object as things stand. */
  needsOf(object: KubeObject): Needs {
    const owner = this.ownerOf(object);
    if (owner !== undefined) {
      const roles = [...storedRoles(owner), ...this.experiments.running(owner)];
      return { plans: this.plansThatCount(owner), roles, size: sizeOf(object, owner, roles) };
    }
    if (!isRouter(object)) return { plans: [], roles: [] };
    const plans = this.world
      .objects("ModelDeployment")
      .filter(({ metadata }) => metadata.namespace === object.metadata.namespace)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .flatMap((deployment) => this.plansInEffect(deployment));
    return { plans, roles: [] };
  }

  /** A process sends a call: whatever changes until it arrives, the process cannot take it back. */
  noteSent(actor: string, { verb, resource, subresource, namespace = "", name = "" }: PortCall): void {
    const object = this.world.find(resource.kind, namespace, name);
    if (subresource === "status") this.#looked.add(`${actor} ${object?.metadata.uid}`);
    if (subresource === "status" && resource.kind === "ModelRollout" && object !== undefined)
      this.#releasesSeen.set(`${actor} ${namespace}/${name}`, object);
    if (subresource === "status" && resource.kind === "ModelExperiment" && object !== undefined)
      this.experiments.noteSent(actor, object);
    if (verb !== "delete" && resource.kind !== "Deployment") return;
    const key = `${actor} ${resource.kind} ${namespace}/${name}`;
    if (object === undefined) {
      this.#whenSent.delete(key);
      return;
    }
    const look = `${actor} ${this.ownerOf(object)?.metadata.uid}`;
    this.#whenSent.set(key, { ...this.needsOf(object), hasLooked: this.#looked.has(look) });
    if (resource.kind === "Deployment" && (verb === "delete" || subresource === "scale"))
      this.#looked.delete(look);
  }

  /** What was so when the call behind a write was sent. */
  whenSent({ actor, before, after }: Write): WhenSent {
    const object = after ?? before;
    const { namespace, name } = object?.metadata ?? {};
    return this.#whenSent.get(`${actor} ${object?.kind} ${namespace}/${name}`) ?? NOTHING_NEEDED;
  }

  #noteSuspended({ actor, call }: Write, { metadata, status, spec }: KubeObject): void {
    if (call?.subresource !== "status" || !isOperator(actor) || valueAt(spec, "suspend") !== true) return;
    const isReported = asList(valueAt(status, "conditions")).some(
      (condition) => valueAt(condition, "type") === "Suspended" && valueAt(condition, "status") === "True",
    );
    if (isReported) this.#suspended.set(`${actor} ${metadata.uid}`, metadata.generation);
  }

  #noteRelease({ actor, call, before }: Write, after: KubeObject): void {
    const { namespace, name, uid } = after.metadata;
    if (call?.subresource !== "status") return;
    if (isOperator(actor)) this.#releasesSeen.set(`${actor} ${namespace}/${name}`, after);
    const entry = asList(valueAt(after, "status", "history")).at(-1);
    const step = valueAt(entry, "step");
    const former = asList(valueAt(before, "status", "history")).find(
      (candidate) => valueAt(candidate, "step") === step,
    );
    const [then, now] = [valueAt(former, "inEffectAt"), valueAt(entry, "inEffectAt")];
    const key = `${uid} ${step}`;
    const { clock } = this.world;
    if (step !== undefined && !this.#begun.has(key)) this.#begun.set(key, clock.monotonic());
    if (now === undefined && valueAt(entry, "endedAt") === undefined) this.#inEffect.delete(key);
    if (now === undefined || then === now) return;
    // What is stored was seen when the process looked, and has been on its way since; not from before the step.
    const age = Math.max(0, clock.now() - Date.parse(asString(now) ?? ""));
    const at = Math.max(this.#begun.get(key) ?? 0, clock.monotonic() - age);
    this.#inEffect.set(key, { at, isCalm: this.isCalm });
  }

  #noteReady({ metadata }: KubeObject): void {
    const { namespace, uid = "", labels = {} } = metadata;
    const owner = labels[LABEL.modelDeployment];
    const key = `${namespace}/${owner} ${labels[LABEL.modelRevision]} ${labels[LABEL.pool]}`;
    const pods = this.#everReady.get(key) ?? new Set<string>();
    this.#everReady.set(key, pods.add(uid));
  }
}

/** Told here once more, in plain words: an error of the planner must not be one here. */
function sizeOf({ metadata }: KubeObject, owner: KubeObject, roles: readonly string[]): number | undefined {
  const { [LABEL.modelRevision]: revision = "", [LABEL.pool]: pool } = metadata.labels ?? {};
  const pools = asList(valueAt(owner, "spec", "pools"));
  const index = pools.findIndex((candidate) => valueAt(candidate, "name") === pool);
  if (index < 0 || !roles.includes(revision)) return undefined;
  return index === 0 ? storedReplicas(owner) : asNumber(valueAt(pools[index], "replicas"));
}
