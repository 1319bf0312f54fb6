/**
 * People who own ModelDeployments: they create, change, scale, revert and delete them whenever they like.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import type { ModelDeploymentSpec } from "../../../src/api/model-deployment-spec.ts";
import { API_GROUP_VERSION } from "../../../src/api/names.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import { chooseModel, choosePools, chooseReplicas, chooseSpec, specTag } from "./specs.ts";

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
  /** By uid: the specs that a ModelDeployment has had. */
  readonly #formerSpecs = new Map<string, ModelDeploymentSpec[]>();

  constructor(world: World) {
    this.#world = world;
  }

  next(random: SeededRandom): Task | undefined {
    const place = random.pick(PLACES);
    if (place === undefined) return undefined;
    const standing = this.#world.find("ModelDeployment", place.namespace, place.name);
    if (standing === undefined) return this.#create(place, chooseSpec(random));
    if (standing.metadata.deletionTimestamp !== undefined) return undefined;
    if (random.chance(0.12)) return this.#delete(standing, random.chance(0.25) ? "Foreground" : "Background");
    const { deployment } = readModelDeployment(standing);
    return deployment === undefined ? undefined : this.#edit(standing, deployment.spec, random);
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

  #edit(standing: KubeObject, spec: ModelDeploymentSpec, random: SeededRandom): Task {
    const { namespace, name, uid = "" } = standing.metadata;
    const former = this.#formerSpecs.get(uid) ?? [];
    this.#formerSpecs.set(uid, former);
    const edited = random.weighted<() => ModelDeploymentSpec>([
      [5, () => ({ ...spec, model: chooseModel(random) })],
      [3, () => ({ ...spec, replicas: chooseReplicas(random) })],
      [2, () => random.pick(former) ?? spec],
      [2, () => ({ ...spec, pools: choosePools(random) })],
      [1, () => ({ ...spec, traffic: { timeout: `${random.integer(1, 9)}s` } })],
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
