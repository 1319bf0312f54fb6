/**
 * What has become of experiments so far: as each process knew them, and which revisions their arms were. Filled from the
 * truth, as `facts.ts` is.
 */
import { asList, asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { World, Write } from "./world.ts";

/** The ModelExperiments of a ModelDeployment. */
export function experimentsOf({ metadata }: KubeObject, world: World): readonly KubeObject[] {
  return world
    .objects("ModelExperiment")
    .filter((experiment) => experiment.metadata.namespace === metadata.namespace)
    .filter((experiment) => valueAt(experiment, "spec", "modelDeployment") === metadata.name);
}

/** Revisions of the arms that the status of an experiment names. */
export function armRevisions(experiment: KubeObject): readonly string[] {
  return asList(valueAt(experiment, "status", "arms")).flatMap(
    (arm) => asString(valueAt(arm, "revision")) ?? [],
  );
}

/** Remembers experiments. */
export class ExperimentHistory {
  readonly #world: World;
  /** By `PROCESS NAMESPACE/NAME`: as it was when the process last stored or confirmed its status. */
  readonly #seen = new Map<string, KubeObject>();
  /** `NAMESPACE/NAME REVISION` of ModelDeployments, for each revision that an arm was ever stored to have. */
  readonly #named = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    world.onWrite((write) => this.#note(write));
  }

  /** A process sends the status of an experiment. */
  noteSent(actor: string, experiment: KubeObject): void {
    this.#seen.set(keyOf(actor, experiment), experiment);
  }

  /** An experiment as a process last knew it to be stored. */
  seenBy(actor: string, namespace: string, name: string): KubeObject | undefined {
    return this.#seen.get(`${actor} ${namespace}/${name}`);
  }

  /** Whether an arm was ever stored to have this revision of a ModelDeployment. */
  hasNamed({ metadata: { namespace, name } }: KubeObject, revision: string): boolean {
    return this.#named.has(`${namespace}/${name} ${revision}`);
  }

  /** Revisions that have shares of a ModelDeployment now, as its experiments say. */
  running(deployment: KubeObject): readonly string[] {
    return experimentsOf(deployment, this.#world)
      .filter((experiment) => valueAt(experiment, "status", "phase") === "Running")
      .flatMap(armRevisions);
  }

  #note({ actor, call, after }: Write): void {
    if (after?.kind !== "ModelExperiment" || call?.subresource !== "status") return;
    this.#seen.set(keyOf(actor, after), after);
    const owner = `${after.metadata.namespace}/${asString(valueAt(after, "spec", "modelDeployment"))}`;
    for (const revision of armRevisions(after)) this.#named.add(`${owner} ${revision}`);
  }
}

function keyOf(actor: string, { metadata: { namespace, name } }: KubeObject): string {
  return `${actor} ${namespace}/${name}`;
}
