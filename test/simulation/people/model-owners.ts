/**
 * People who own ModelDeployments: they create, change, scale, revert and delete them whenever they like. Some of them
 * suspend them for a while, and ask for a refresh of their pods. Careful ones have models judged before any traffic, curious
 * ones have answers counted.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import type { ModelDeploymentSpec } from "../../../src/api/model-deployment-spec.ts";
import type { ModelSource } from "../../../src/api/model-source.ts";
import { ANNOTATION, API_GROUP_VERSION } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import {
  chooseModel,
  choosePools,
  chooseReplicas,
  chooseRollout,
  chooseSpec,
  chooseValidation,
  model,
  specTag,
  withAutoscaling,
  withQuality,
  withRollout,
} from "./specs.ts";

/** Places for ModelDeployments. Names that begin alike, and one name in two namespaces. */
const PLACES = [
  { namespace: "shop", name: "ranker" },
  { namespace: "shop", name: "ranker-default" },
  { namespace: "shop", name: "search" },
  { namespace: "ads", name: "ranker" },
] as const;

/** Namespaces that people use. */
export const NAMESPACES = ["shop", "ads"] as const;

const MANAGER = { fieldManager: "kubectl" };

/** Owners of ModelDeployments. */
export class ModelOwners implements Disturbance {
  readonly name = "owner";
  readonly #world: World;
  /** They bring out a new model every few minutes, of one ModelDeployment: more than a history of revisions keeps. */
  readonly isRestless: boolean;
  /** How likely they delete what they look at: some hardly ever, some as soon as it runs. */
  readonly #deletionRate: number;
  /** They suspend and refresh what they own. */
  readonly #isHandsOn: boolean;
  /** They have most models judged before any traffic, and take Jobs away that do so. */
  readonly #isCareful: boolean;
  /** They have most answers counted, so that experiments can be made. */
  readonly isCurious: boolean;
  /** They let replicas follow the load, and then again not, whenever they come by. */
  readonly #isFickle: boolean;
  /** By uid: the specs that a ModelDeployment has had. */
  readonly #formerSpecs = new Map<string, ModelDeploymentSpec[]>();

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.isRestless = random.chance(0.2);
    this.#deletionRate = this.isRestless ? 0.02 : random.chance(0.2) ? 0.6 : 0.12;
    this.#isHandsOn = random.chance(0.25);
    this.#isCareful = random.fork("careful").chance(0.3);
    this.isCurious = random.fork("curious").chance(0.35);
    this.#isFickle = random.fork("fickle").chance(0.25);
  }

  next(random: SeededRandom): Task | undefined {
    const place = this.isRestless && random.chance(0.8) ? PLACES[0] : random.pick(PLACES);
    if (place === undefined) return undefined;
    const standing = this.#world.find("ModelDeployment", place.namespace, place.name);
    if (standing === undefined) return this.#create(place, this.#chooseSpec(random));
    if (standing.metadata.deletionTimestamp !== undefined) return undefined;
    if (random.chance(this.#deletionRate))
      return this.#delete(standing, random.chance(0.25) ? "Foreground" : "Background");
    if (this.#isHandsOn && random.chance(0.15)) return this.#refresh(standing, random);
    if (this.#isCareful && random.chance(0.05)) return this.#deleteJob(random);
    const { deployment } = readModelDeployment(standing);
    return deployment === undefined ? undefined : this.#edit(standing, deployment.spec, random);
  }

  #chooseModel(random: SeededRandom): ModelSource {
    return this.isRestless && random.chance(0.9) ? model(`v${random.integer(4, 99)}`) : chooseModel(random);
  }

  /** What is judged is so from its first model on. */
  #chooseSpec(random: SeededRandom): ModelDeploymentSpec {
    const isJudged = this.#isCareful && random.chance(0.8);
    const chosen = chooseSpec(random);
    // Without steps they bring out more than a history of releases keeps, too.
    const spec =
      this.isRestless && random.fork("hasty").chance(0.5) ? withRollout(chosen, undefined) : chosen;
    const counted =
      this.isCurious && random.fork("counted").chance(0.8) ? withQuality(spec, random.fork("users")) : spec;
    return isJudged ? { ...counted, validation: chooseValidation(random) } : counted;
  }

  #deleteJob(random: SeededRandom): Task | undefined {
    const job = random.pick(this.#world.objects("Job"));
    if (job === undefined) return undefined;
    return {
      what: `deletes Job ${job.metadata.namespace}/${job.metadata.name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(job), {}),
    };
  }

  #create(place: (typeof PLACES)[number], spec: ModelDeploymentSpec): Task {
    return {
      what: `creates ${place.namespace}/${place.name}: ${specTag(spec)}`,
      run: () =>
        this.#world
          .portFor(this.name)
          .create({ apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata: place, spec }, MANAGER),
    };
  }

  #delete({ metadata }: KubeObject, propagationPolicy: "Background" | "Foreground"): Task {
    const { namespace = "", name } = metadata;
    const reference = { resource: RESOURCE.modelDeployment, namespace, name };
    return {
      what: `deletes ${namespace}/${name} (${propagationPolicy})`,
      run: () => this.#world.portFor(this.name).delete(reference, { propagationPolicy }),
    };
  }

  #refresh(standing: KubeObject, random: SeededRandom): Task {
    const { metadata } = standing;
    const token = String(random.integer(1, 3));
    const annotations = { ...metadata.annotations, [ANNOTATION.refresh]: token };
    return {
      what: `asks for refresh ${token} of ${metadata.namespace}/${metadata.name}`,
      run: () =>
        this.#world
          .portFor(this.name)
          .replace({ ...standing, metadata: { ...metadata, annotations } }, MANAGER),
    };
  }

  #edit(standing: KubeObject, spec: ModelDeploymentSpec, random: SeededRandom): Task {
    const { namespace, name, uid = "" } = standing.metadata;
    const former = this.#formerSpecs.get(uid) ?? [];
    this.#formerSpecs.set(uid, former);
    const scaling = random.fork("scaling");
    const edited = scaling.chance(this.#isFickle ? 0.7 : 0.12)
      ? withAutoscaling(spec, scaling, this.#isFickle ? 0.7 : 0.3)
      : random.weighted<() => ModelDeploymentSpec>([
          [this.isRestless ? 50 : 5, () => ({ ...spec, model: this.#chooseModel(random) })],
          [3, () => ({ ...spec, replicas: chooseReplicas(random) })],
          [2, () => random.pick(former) ?? spec],
          [2, () => ({ ...spec, pools: choosePools(random) })],
          [1, () => withRollout(spec, chooseRollout(random))],
          [1, () => ({ ...spec, traffic: { ...spec.traffic, timeout: `${random.integer(1, 9)}s` } })],
          [spec.validation === undefined ? 0 : 1, () => ({ ...spec, validation: chooseValidation(random) })],
          [this.#isHandsOn ? 4 : 0, () => ({ ...spec, suspend: spec.suspend !== true })],
        ])();
    return {
      what: `changes ${namespace}/${name}: ${specTag(edited)}`,
      run: async () => {
        former.push(spec);
        await this.#world.portFor(this.name).replace({ ...standing, spec: edited }, MANAGER);
      },
    };
  }
}
