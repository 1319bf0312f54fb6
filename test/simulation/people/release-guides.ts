/**
 * People who act on releases: they pause, approve, promote and abort them, and ask for another try. Some worlds have
 * none of them. Once everybody is left alone, whatever waits for a person gets what it waits for.
 */
import { asNumber, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

const MANAGER = { fieldManager: "kubectl-edit" };
/** More than any strategy has steps. */
const EVERY_STEP = 21;

/** Guides of releases. */
export class ReleaseGuides implements Controller, Disturbance {
  readonly name = "guide";
  readonly #world: World;
  #isCalm = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Nobody has a wish of his own any more. */
  calm(): void {
    this.#isCalm = true;
  }

  tasks(): readonly Task[] {
    if (!this.#isCalm) return [];
    return (
      this.#releases()
        .filter((release) => valueAt(release, "status", "phase") === "Paused")
        // One of a ModelDeployment that is suspended stays so, whatever is written.
        .filter(
          (release) =>
            valueAt(release, "spec", "paused") !== false ||
            valueAt(release, "spec", "approvedStep") !== EVERY_STEP,
        )
        .map((release) => this.#write(release, "lets go on", { paused: false, approvedStep: EVERY_STEP }))
    );
  }

  next(random: SeededRandom): Task | undefined {
    if (random.chance(0.1)) return this.#retry(random);
    // One that has traffic asks for more attention.
    const releases = this.#releases();
    const inSteps = releases.filter((release) => (asNumber(valueAt(release, "status", "step")) ?? 0) > 0);
    const release = random.pick(inSteps.length > 0 && random.chance(0.8) ? inSteps : releases);
    if (release === undefined) return undefined;
    const step = asNumber(valueAt(release, "status", "step")) ?? 1;
    return random.weighted<() => Task>([
      [2, () => this.#write(release, "pauses", { paused: true })],
      [3, () => this.#write(release, "resumes", { paused: false })],
      [2, () => this.#write(release, `approves step ${step} of`, { approvedStep: step })],
      [2, () => this.#write(release, "aborts", { decision: "Abort", reason: "it looks odd" })],
      [1, () => this.#write(release, "promotes", { decision: "Promote" })],
    ])();
  }

  #releases(): readonly KubeObject[] {
    return this.#world
      .objects("ModelRollout")
      .filter(
        (release) =>
          release.metadata.deletionTimestamp === undefined &&
          valueAt(release, "status", "verdict") === undefined,
      );
  }

  #write(release: KubeObject, verb: string, changes: object): Task {
    const { namespace, name } = release.metadata;
    const spec = valueAt(release, "spec");
    const changed = { ...release, spec: { ...(typeof spec === "object" ? spec : {}), ...changes } };
    return {
      what: `${verb} ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).replace(changed, MANAGER),
    };
  }

  #retry(random: SeededRandom): Task | undefined {
    const standing = random.pick(this.#world.objects("ModelDeployment"));
    if (standing === undefined || standing.metadata.deletionTimestamp !== undefined) return undefined;
    const token = String(random.integer(1, 9));
    const annotations = { ...standing.metadata.annotations, [ANNOTATION.retry]: token };
    const changed = { ...standing, metadata: { ...standing.metadata, annotations } };
    return {
      what: `asks for retry ${token} of ${standing.metadata.namespace}/${standing.metadata.name}`,
      run: () => this.#world.portFor(this.name).replace(changed, MANAGER),
    };
  }
}
