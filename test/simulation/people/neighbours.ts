/**
 * Objects of other people in the same namespaces, with names and labels that clash with those of Petrel. Nothing of
 * them may ever be changed.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import { ROUTER_NAME } from "../../../src/render/router.ts";
import type { Facts } from "../facts.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

/** Looks like ours in every label, and has no owner. */
const COPIED_LABELS = {
  [LABEL.managedBy]: MANAGED_BY,
  [LABEL.modelDeployment]: "ranker",
  [LABEL.pool]: "default",
  [LABEL.modelRevision]: "ranker-copied",
};

const NEIGHBOURS: readonly (readonly [chance: number, object: KubeObject])[] = [
  [
    0.15,
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: "shop", name: "search" },
      spec: { ports: [] },
    },
  ],
  [
    0.1,
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { namespace: "shop", name: "ranker-model-server", labels: COPIED_LABELS },
    },
  ],
  [
    0.5,
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: "shop", name: "ranker-copy", labels: COPIED_LABELS },
      spec: { replicas: 0, template: { metadata: { labels: COPIED_LABELS }, spec: {} } },
    },
  ],
  [
    0.1,
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: "ads", name: ROUTER_NAME },
      spec: { replicas: 0, template: { metadata: { labels: {} }, spec: {} } },
    },
  ],
];

/** Other people: they are there first, and some of them leave. */
export class Neighbours implements Disturbance {
  readonly name = "neighbour";
  readonly #world: World;
  readonly #facts: Facts;

  constructor(world: World, facts: Facts) {
    this.#world = world;
    this.#facts = facts;
  }

  /** Puts some of them into the world. */
  async settle(random: SeededRandom): Promise<void> {
    for (const [chance, object] of NEIGHBOURS) {
      if (!random.chance(chance)) continue;
      const made = await this.#world.portFor(this.name).create(object, { fieldManager: this.name });
      this.#facts.markForeign(made);
    }
  }

  /** One of them leaves, and its name is free. */
  next(random: SeededRandom): Task | undefined {
    return random.pick(this.leaving());
  }

  /** Everybody who is there could leave. */
  leaving(): readonly Task[] {
    return this.#world
      .allObjects()
      .filter((object) => this.#facts.isForeign(object))
      .map((object) => {
        const { namespace, name } = object.metadata;
        return {
          what: `takes ${object.kind} ${namespace}/${name} away`,
          run: () => this.#world.portFor(this.name).delete(referenceTo(object), {}),
        };
      });
  }
}
