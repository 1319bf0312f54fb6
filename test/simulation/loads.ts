/**
 * The load of ModelDeployments, and what routers tell of it: each for two minutes about the same, and often none. A router is
 * asked in vain now and then, and tells nothing while it is behind. What was told to whom is remembered, as the truth.
 */
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { AskLoad } from "../../src/operator/ask-load.ts";
import { KEPT_LOAD_SLOTS, LOAD_SLOT_SECONDS, type LoadSlot, loadSlotAt } from "../../src/stats/load-slots.ts";
import type { Routers } from "./cluster/routers.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { World } from "./world.ts";

/** Slots in which a load stays as it is. */
const BLOCK_SLOTS = 8;
/** What one replica is to carry, in the specs of the simulation. */
export const REQUESTS_PER_REPLICA = 10;
const SERVICE_MILLISECONDS = 50;

/** The loads of all ModelDeployments. */
export class Loads {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #routers: Routers;
  /** By process and uid: requests a second in each slot, of all routers that have told of it. */
  readonly #told = new Map<string, Map<number, number>>();
  readonly #toldAlready = new Set<string>();
  /** By uid of pod and ModelDeployment: the first slot that the router counts as a whole. */
  readonly #counts = new Map<string, number>();
  #isCalm = false;

  constructor(world: World, random: SeededRandom, routers: Routers) {
    this.#world = world;
    this.#random = random;
    this.#routers = routers;
    world.onWrite(() => this.#note());
  }

  /** Nothing is told any more: replicas stay as they are. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Answers one process. */
  askedBy(process: string): AskLoad {
    return async (address, afterSlot) => {
      const { clock } = this.#world;
      const fails = this.#random.chance(0.05);
      await new Promise<void>((resolve) => clock.schedule(this.#random.integer(20, 500), resolve));
      const pod = this.#routers.answeringAt(address);
      if (this.#isCalm || fails || pod === undefined) throw new Error("no answer");
      return new Map(
        this.#scaledIn(pod.metadata.namespace).map((deployment) => [
          deployment.metadata.name,
          this.#slotsFor(process, pod, deployment, afterSlot),
        ]),
      );
    };
  }

  /** What a process was told of a slot, in requests a second; undefined when nobody told it anything. */
  toldOf(process: string, uid: string, slot: number): number | undefined {
    return this.#told.get(`${process} ${uid}`)?.get(slot);
  }

  #slotsFor(
    process: string,
    pod: KubeObject,
    { metadata: { uid = "" } }: KubeObject,
    afterSlot: number,
  ): readonly LoadSlot[] {
    const last = loadSlotAt(this.#world.clock.now()) - 1;
    const counted = this.#counts.get(`${pod.metadata.uid} ${uid}`) ?? last + 1;
    const first = Math.max(afterSlot + 1, last - KEPT_LOAD_SLOTS + 1, counted);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => {
      const rate = this.#rateOf(uid, first + at);
      this.#remember(`${process} ${uid}`, first + at, pod.metadata.uid ?? "", rate);
      const ended = rate * LOAD_SLOT_SECONDS;
      return { slot: first + at, ended, answered: ended, busyMilliseconds: ended * SERVICE_MILLISECONDS };
    });
  }

  /** What a router tells again counts once. */
  #remember(key: string, slot: number, router: string, rate: number): void {
    const again = `${key} ${router} ${slot}`;
    if (this.#toldAlready.has(again)) return;
    this.#toldAlready.add(again);
    const slots = this.#told.get(key) ?? new Map<number, number>();
    this.#told.set(key, slots.set(slot, (slots.get(slot) ?? 0) + rate));
  }

  /** Of each router. */
  #rateOf(uid: string, slot: number): number {
    return this.#random.fork(`${uid} ${Math.floor(slot / BLOCK_SLOTS)}`).weighted([
      [3, 0],
      [2, 4],
      [2, 9],
      [1, 14],
    ]);
  }

  #scaledIn(namespace: string | undefined): readonly KubeObject[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(
        ({ metadata, spec }) =>
          metadata.namespace === namespace && valueAt(spec, "autoscaling", "owner") === "Petrel",
      );
  }

  /** A router counts a ModelDeployment from the slot on that begins after both are there. */
  #note(): void {
    const next = loadSlotAt(this.#world.clock.now()) + 1;
    for (const pod of this.#routers.working()) {
      for (const { metadata } of this.#scaledIn(pod.metadata.namespace)) {
        const key = `${pod.metadata.uid} ${metadata.uid}`;
        if (!this.#counts.has(key)) this.#counts.set(key, next);
      }
    }
  }
}
