/**
 * People who lay hands on what the operator has made: they kill pods, scale, change and delete children.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import { isEvaluation } from "../cluster/evaluations.ts";
import { hasEnded } from "../cluster/pod.ts";
import type { Facts } from "../facts.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

const CHILD_KINDS = [
  "Deployment",
  "Service",
  "ServiceAccount",
  "PodDisruptionBudget",
  "ControllerRevision",
  "RoleBinding",
] as const;

/** Meddles with children. */
export class Meddlers implements Disturbance {
  readonly name = "meddler";
  readonly #world: World;
  readonly #facts: Facts;

  constructor(world: World, facts: Facts) {
    this.#world = world;
    this.#facts = facts;
  }

  next(random: SeededRandom): Task | undefined {
    return random.weighted<() => Task | undefined>([
      [4, () => this.#killPod(random)],
      [2, () => this.#scale(random)],
      [2, () => this.#relabel(random)],
      [2, () => this.#deleteChild(random)],
    ])();
  }

  #killPod(random: SeededRandom): Task | undefined {
    const pod = random.pick(this.#world.objects("Pod"));
    // What a Job's pod tells when it has ended is not looked after before it is read.
    return pod === undefined || (isEvaluation(pod) && hasEnded(pod)) ? undefined : this.#delete(pod);
  }

  #delete(object: KubeObject): Task {
    return {
      what: `deletes ${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(object), {}),
    };
  }

  #deleteChild(random: SeededRandom): Task | undefined {
    const child = random.pick(this.#children(random.pick(CHILD_KINDS) ?? "Deployment"));
    return child === undefined ? undefined : this.#delete(child);
  }

  #scale(random: SeededRandom): Task | undefined {
    const child = random.pick(this.#children("Deployment"));
    if (child === undefined) return undefined;
    const replicas = random.integer(0, 4);
    return this.#replace(child, { spec: { ...fieldsOf(child["spec"]), replicas } }, `scales to ${replicas}`);
  }

  #relabel(random: SeededRandom): Task | undefined {
    const child = random.pick(this.#children(random.pick(CHILD_KINDS) ?? "Service"));
    if (child === undefined) return undefined;
    const labels = { ...child.metadata.labels, [LABEL.managedBy]: "somebody" };
    const own = { ...child.metadata.labels, team: "search" };
    // Without its own label a child is invisible to the operator, which must find it all the same. A router object
    // is given away by that: nothing else says whose it is.
    const isOwned = (child.metadata.ownerReferences ?? []).length > 0;
    const changed = isOwned && random.chance(0.3) ? labels : own;
    return this.#replace(child, { metadata: { ...child.metadata, labels: changed } }, "relabels");
  }

  #replace(child: KubeObject, changes: Partial<KubeObject>, verb: string): Task {
    const { kind, metadata } = child;
    return {
      what: `${verb} ${kind} ${metadata.namespace}/${metadata.name}`,
      run: () =>
        this.#world
          .portFor(this.name)
          .replace(
            { ...child, ...changes, apiVersion: child.apiVersion, kind },
            { fieldManager: "kubectl-edit" },
          ),
    };
  }

  /** Objects of a kind that the operator has made. */
  #children(kind: string): readonly KubeObject[] {
    return this.#world
      .objects(kind)
      .filter(
        (object) =>
          object.metadata.labels?.[LABEL.managedBy] === MANAGED_BY &&
          object.metadata.deletionTimestamp === undefined &&
          !this.#facts.isForeign(object),
      );
  }
}

function fieldsOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
