/**
 * People who have the traffic taken back: to what served before, to a revision that they name, or to one that never
 * served. Others, or their tools, take all annotations away, or the record of what an undo goes back to.
 */
import { asList, asRecord, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

const MANAGER = { fieldManager: "kubectl-annotate" };

/** People who undo. */
export class Undoers implements Disturbance {
  readonly name = "undoer";
  readonly #world: World;

  /** They rue much of what was promoted: in most worlds hardly anybody does. */
  readonly isRueful: boolean;

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.isRueful = random.chance(0.4);
  }

  next(random: SeededRandom): Task | undefined {
    const deployments = this.#world.objects("ModelDeployment");
    // Mostly one that can be gone back with.
    const others = deployments.filter((one) => servedBy(one).length > 1);
    const standing = random.pick(others.length > 0 || random.chance(0.9) ? others : deployments);
    if (standing === undefined || standing.metadata.deletionTimestamp !== undefined) return undefined;
    const { namespace, name, annotations = {} } = standing.metadata;
    const record = this.#recordOfTarget(standing);
    if (record !== undefined && random.chance(0.15)) {
      return {
        what: `deletes ControllerRevision ${record.metadata.name}, which an undo goes back to`,
        run: () => this.#world.portFor(this.name).delete(referenceTo(record), {}),
      };
    }
    // What counts is that nothing follows from it while an undo stands.
    if (random.chance(record === undefined ? 0.1 : 0.5)) {
      return this.#annotate(standing, {}, `takes the annotations of ${namespace}/${name} away`);
    }
    const token = `t${random.integer(1, 99)}`;
    const to = this.#target(standing, random);
    const value = to === undefined ? token : `${token} ${to}`;
    return this.#annotate(
      standing,
      { ...annotations, [ANNOTATION.undo]: value },
      `asks for undo ${value} of ${namespace}/${name}`,
    );
  }

  /** What somebody who rues it all asks for once everything has come to rest: most is promoted only then. */
  atRest(): readonly Task[] {
    const deployments = this.isRueful ? this.#world.objects("ModelDeployment") : [];
    return deployments
      .filter((one) => servedBy(one).length > 1 && one.metadata.deletionTimestamp === undefined)
      .map((one) => {
        const to = asString(servedBy(one).at(-2)) ?? "";
        const { namespace, name, annotations = {} } = one.metadata;
        const value = `rest ${to}`;
        const what = `asks for undo ${value} of ${namespace}/${name}`;
        return this.#annotate(one, { ...annotations, [ANNOTATION.undo]: value }, what);
      });
  }

  /** Git states the same model once more, and something else beside it, while an undo stands. */
  appliedAgain(): readonly Task[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(
        (one) => this.#recordOfTarget(one) !== undefined && one.metadata.deletionTimestamp === undefined,
      )
      .map((one) => {
        const spec = { ...asRecord(one["spec"]), traffic: { timeout: "7s" } };
        return {
          what: `applies ${one.metadata.namespace}/${one.metadata.name} again, with another time-out`,
          run: () => this.#world.portFor(this.name).replace({ ...one, spec }, MANAGER),
        };
      });
  }

  /** Git states no annotations, and takes away what asked for an undo that stands. */
  forgotten(): readonly Task[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(
        (one) => this.#recordOfTarget(one) !== undefined && one.metadata.deletionTimestamp === undefined,
      )
      .map((one) => {
        const { namespace, name } = one.metadata;
        return this.#annotate(one, {}, `takes the annotations of ${namespace}/${name} away`);
      });
  }

  #recordOfTarget(standing: KubeObject): KubeObject | undefined {
    const target = asString(valueAt(standing, "status", "undo", "standing", "revision"));
    const { namespace = "" } = standing.metadata;
    return target === undefined ? undefined : this.#world.find("ControllerRevision", namespace, target);
  }

  /** Mostly none: then it is what served before. */
  #target(standing: KubeObject, random: SeededRandom): string | undefined {
    if (random.chance(0.5)) return undefined;
    const served = servedBy(standing);
    const records = this.#world
      .objects("ControllerRevision")
      .filter(({ metadata }) => metadata.namespace === standing.metadata.namespace);
    return random.chance(0.8) ? asString(random.pick(served)) : random.pick(records)?.metadata.name;
  }

  #annotate(standing: KubeObject, annotations: Readonly<Record<string, string>>, what: string): Task {
    const { annotations: _former, ...metadata } = standing.metadata;
    const changed = { ...standing, metadata: { ...metadata, annotations } };
    return { what, run: () => this.#world.portFor(this.name).replace(changed, MANAGER) };
  }
}

function servedBy(deployment: KubeObject): readonly unknown[] {
  return asList(valueAt(deployment, "status", "served", "revisions"));
}
