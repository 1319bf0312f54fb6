/**
 * People who have the traffic taken back: to what served before, to a revision that they name, or to one that never
 * served. Others, or their tools, take all annotations away.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

const MANAGER = { fieldManager: "kubectl-annotate" };

/** People who undo. */
export class Undoers implements Disturbance {
  readonly name = "undoer";
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  next(random: SeededRandom): Task | undefined {
    const standing = random.pick(this.#world.objects("ModelDeployment"));
    if (standing === undefined || standing.metadata.deletionTimestamp !== undefined) return undefined;
    const { namespace, name, annotations = {} } = standing.metadata;
    if (random.chance(0.25)) {
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

  /** Mostly none: then it is what served before. */
  #target(standing: KubeObject, random: SeededRandom): string | undefined {
    if (random.chance(0.5)) return undefined;
    const served = asList(valueAt(standing, "status", "served", "revisions"));
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
