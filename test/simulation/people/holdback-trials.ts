/**
 * People who release one more model once everything has come to rest, with a holdback, and then have second thoughts: most
 * holdbacks are reached only when nobody disturbs them.
 */
import { asRecord, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import type { RolloutSpec } from "../../../src/api/rollout.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";
import { model } from "./specs.ts";

const MANAGER = { fieldManager: "kubectl" };

const HELD_BACK: RolloutSpec = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "10%", minDuration: "2s" }] } },
  holdback: { weight: "5%", for: "30s" },
};

/**
 * What somebody does about a release in its holdback. `Doubt` asks for another model, and gives the release up as soon as that
 * comes up: where models are judged, it then was compared with what serves no more.
 */
type Thought = "None" | "Abort" | "Promote" | "Return" | "Undo" | "Another" | "Broken" | "Doubt";

/** People with second thoughts. */
export class HoldbackTrials implements Controller {
  readonly name = "trial";
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #isTried: boolean;
  /** By uid of the ModelDeployment: the spec before, until somebody has had a thought. */
  readonly #former = new Map<string, unknown>();
  /** By uid of the ModelDeployment: somebody deletes its ModelRollout while the traffic goes back. */
  readonly #tidy = new Set<string>();
  /** By uid of the ModelDeployment: somebody gives its release up once another model comes up beside it. */
  readonly #doubtful = new Set<string>();

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    this.#isTried = random.chance(0.4);
  }

  /** Another model for what serves one. */
  atRest(): readonly Task[] {
    if (!this.#isTried) return [];
    return this.#world
      .objects("ModelDeployment")
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .filter((standing) => valueAt(standing, "spec", "suspend") !== true)
      .map((standing) => {
        const { namespace, name, uid = "" } = standing.metadata;
        const replicas = this.#random.integer(1, 3);
        const spec = { ...asRecord(standing["spec"]), model: model("v101"), replicas, rollout: HELD_BACK };
        return {
          what: `releases v101 of ${namespace}/${name} with a holdback`,
          run: () => {
            this.#former.set(uid, standing["spec"]);
            return this.#replace(standing, { spec });
          },
        };
      });
  }

  tasks(): readonly Task[] {
    return this.#world.objects("ModelRollout").flatMap((release) => {
      const owner = this.#world.controllerOf(release);
      const uid = owner?.metadata.uid ?? "";
      if (valueAt(release, "status", "returning") !== undefined && this.#tidy.has(uid)) {
        const run = () => this.#delete(uid, release);
        return [{ what: `deletes ${release.metadata.name} while its traffic goes back`, run }];
      }
      const isInHoldback = valueAt(release, "status", "phase") === "HoldingBack";
      const hasNext = valueAt(owner, "status", "revisions", "next") !== undefined;
      if (isInHoldback && hasNext && this.#doubtful.has(uid)) {
        const run = () => this.#giveUp(uid, release);
        return [{ what: `gives ${release.metadata.name} up though another model comes up`, run }];
      }
      const isHeldBack = isInHoldback && valueAt(release, "status", "weightInEffectAt") !== undefined;
      if (!isHeldBack || owner === undefined || !this.#former.has(uid)) return [];
      return [{ what: `thinks about ${release.metadata.name}`, run: () => this.#think(owner, release) }];
    });
  }

  async #think(owner: KubeObject, release: KubeObject): Promise<void> {
    const { namespace = "", name, uid = "", annotations } = owner.metadata;
    const former = asRecord(this.#former.get(uid));
    this.#former.delete(uid);
    const standing = this.#world.find("ModelDeployment", namespace, name);
    if (standing === undefined || former === undefined) return;
    const spec = asRecord(standing["spec"]);
    const isJudged = spec?.["validation"] !== undefined;
    const thought = this.#random.weighted<Thought>([
      [1, "None"],
      [3, "Abort"],
      [1, "Promote"],
      [2, "Return"],
      [1, "Undo"],
      [1, "Another"],
      [1, "Broken"],
      [isJudged ? 8 : 1, "Doubt"],
    ]);
    this.#world.trace.note(`${this.name}: ${thought}`);
    if (this.#random.chance(0.5)) this.#tidy.add(uid);
    if (thought === "Abort" || thought === "Promote")
      await this.#replace(release, { spec: { ...asRecord(release["spec"]), decision: thought } });
    if (thought === "Return")
      await this.#replace(standing, { spec: { ...former, replicas: spec?.["replicas"] } });
    if (thought === "Doubt") this.#doubtful.add(uid);
    if (thought === "Another" || thought === "Doubt")
      await this.#replace(standing, { spec: { ...spec, model: model("v102") } });
    if (thought === "Broken")
      await this.#replace(standing, { spec: { ...spec, model: model("broken-graph") } });
    if (thought === "Undo") {
      const asked = { ...annotations, [ANNOTATION.undo]: "trial" };
      await this.#replace(standing, { metadata: { ...standing.metadata, annotations: asked } });
    }
  }

  async #giveUp(uid: string, release: KubeObject): Promise<void> {
    this.#doubtful.delete(uid);
    await this.#replace(release, { spec: { ...asRecord(release["spec"]), decision: "Abort" } });
  }

  async #delete(uid: string, release: KubeObject): Promise<void> {
    this.#tidy.delete(uid);
    await this.#world.portFor(this.name).delete(referenceTo(release), {});
  }

  async #replace(object: KubeObject, changes: object): Promise<void> {
    await this.#world.portFor(this.name).replace({ ...object, ...changes }, MANAGER);
  }
}
