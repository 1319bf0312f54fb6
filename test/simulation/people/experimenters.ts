/**
 * People who try models in experiments beside the one that serves: they make experiments, stop and delete them. Some worlds
 * have none of them, and only what counts answers is tried in. Most experiments come to their shares once nobody disturbs
 * them, so one more is made of everything then, and some of these people have second thoughts.
 */
import { asList, asRecord, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { ModelExperimentSpec } from "../../../src/api/model-experiment.ts";
import { API_GROUP_VERSION } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import { COUNTED_METRIC } from "../experiment-counts.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import { NAMESPACES } from "./model-owners.ts";
import { model } from "./specs.ts";

const MANAGER = { fieldManager: "kubectl" };

/** What somebody does about an experiment whose arms have their shares. */
type Thought = "None" | "Stop" | "Release" | "Delete";

/** People who experiment. */
export class Experimenters implements Controller, Disturbance {
  readonly name = "experimenter";
  readonly #world: World;
  readonly #random: SeededRandom;
  #count = 0;
  /** Uids of the experiments that somebody will have a thought about. */
  readonly #thoughtOf = new Set<string>();

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  next(random: SeededRandom): Task | undefined {
    const under = this.#world
      .objects("ModelExperiment")
      .filter((experiment) => valueAt(experiment, "status", "verdict") === undefined);
    const experiment = random.pick(under);
    if (experiment !== undefined && random.chance(under.length < 3 ? 0.25 : 0.8))
      return random.chance(0.6) ? this.#stop(experiment) : this.#delete(experiment);
    const standing = random.pick(this.#tried());
    if (standing === undefined) return undefined;
    const { namespace = NAMESPACES[0], name } = standing.metadata;
    // Now and then somebody makes a slip.
    return this.#make(namespace, specFor(random.chance(0.05) ? `${name}-typo` : name, random));
  }

  /** One more experiment of each. */
  atRest(): readonly Task[] {
    return this.#tried()
      .filter((standing) => valueAt(standing, "spec", "suspend") !== true)
      .map(({ metadata: { namespace = "", name } }) => {
        const task = this.#make(namespace, specFor(name, this.#random));
        return {
          ...task,
          run: async () => {
            this.#thoughtOf.add((await task.run()).metadata.uid ?? "");
          },
        };
      });
  }

  tasks(): readonly Task[] {
    return this.#world
      .objects("ModelExperiment")
      .filter(({ metadata }) => this.#thoughtOf.has(metadata.uid ?? ""))
      .filter((experiment) => valueAt(experiment, "status", "sharesInEffectAt") !== undefined)
      .map((experiment) => ({
        what: `thinks about ${experiment.metadata.name}`,
        run: () => this.#think(experiment),
      }));
  }

  async #think(experiment: KubeObject): Promise<void> {
    this.#thoughtOf.delete(experiment.metadata.uid ?? "");
    const thought = this.#random.weighted<Thought>([
      [4, "None"],
      [1, "Stop"],
      [2, "Release"],
      [1, "Delete"],
    ]);
    this.#world.trace.note(`${this.name}: ${thought}`);
    if (thought === "Stop") await this.#stop(experiment).run();
    if (thought === "Delete") await this.#delete(experiment).run();
    if (thought === "Release") await this.#release(experiment);
  }

  /** Of that which an experiment tries, while it goes on. */
  async #release({ metadata: { namespace = "" }, spec }: KubeObject): Promise<void> {
    const name = asString(valueAt(spec, "modelDeployment")) ?? "";
    const standing = this.#world.find("ModelDeployment", namespace, name);
    const tried = valueAt(asList(valueAt(spec, "arms"))[0], "model") ?? model("v104");
    if (standing === undefined) return;
    const changed = { ...standing, spec: { ...asRecord(standing["spec"]), model: tried } };
    await this.#world.portFor(this.name).replace(changed, MANAGER);
  }

  /** What counts its answers. */
  #tried(): readonly KubeObject[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .filter((standing) => valueAt(standing, "spec", "quality") !== undefined);
  }

  #make(namespace: string, spec: ModelExperimentSpec) {
    this.#count += 1;
    const metadata = { namespace, name: `try-${this.#count}` };
    const arms = spec.arms.map((arm) => `${arm.weight} ${arm.model.uri.replace(/^.*\/(.*)\.onnx$/, "$1")}`);
    return {
      what: `makes ${namespace}/${metadata.name} of ${spec.modelDeployment}: ${arms.join(", ")} for ${spec.duration}`,
      run: () =>
        this.#world
          .portFor(this.name)
          .create({ apiVersion: API_GROUP_VERSION, kind: "ModelExperiment", metadata, spec }, MANAGER),
    };
  }

  #stop(experiment: KubeObject): Task {
    const { namespace, name } = experiment.metadata;
    const spec = { ...asRecord(experiment["spec"]), stopped: true, reason: "it costs too much" };
    return {
      what: `stops ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).replace({ ...experiment, spec }, MANAGER),
    };
  }

  #delete(experiment: KubeObject): Task {
    const { namespace, name } = experiment.metadata;
    return {
      what: `deletes ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(experiment), {}),
    };
  }
}

/** An experiment of about a minute. */
function specFor(modelDeployment: string, random: SeededRandom): ModelExperimentSpec {
  const names = random.weighted<readonly string[]>([
    [5, ["v201"]],
    [4, ["v201", "v202"]],
    [2, ["v2"]],
    [1, ["v3", "v201"]],
    [1, ["broken-graph"]],
    [1, ["v201", "broken-digest"]],
  ]);
  const weight = random.weighted([
    [3, "10%"],
    [2, "20%"],
    [1, "0.5%"],
  ]);
  return {
    modelDeployment,
    arms: names.map((name) => ({ name, weight, model: model(name) })),
    ...(random.chance(0.4) ? { holdout: "20%" } : {}),
    primary: { metric: COUNTED_METRIC },
    duration: `${random.integer(60, 75)}s`,
  };
}
