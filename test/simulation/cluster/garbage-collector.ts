/**
 * The garbage collector of the controller manager, one object at a time: whatever comes in between two of them is
 * what a real cluster shows, too.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";

/** Removes what has lost its owners. */
export class GarbageCollector implements Controller {
  readonly name = "garbage-collector";
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  tasks(): readonly Task[] {
    const objects = this.#world.allObjects();
    const orphans = objects
      .filter((object) => this.#hasLostItsOwners(object))
      .map((object) => this.#remove(object));
    // A deletion in the foreground goes over several objects; it is left to the server's own collector.
    const isWaiting = objects.some(
      ({ metadata }) => metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length > 0,
    );
    const whole = {
      what: "goes on with foreground deletions",
      run: () => this.#world.server.collectGarbage(),
    };
    return isWaiting ? [...orphans, whole] : orphans;
  }

  #hasLostItsOwners({ metadata }: KubeObject): boolean {
    const { ownerReferences = [], deletionTimestamp } = metadata;
    if (ownerReferences.length === 0 || deletionTimestamp !== undefined) return false;
    return ownerReferences.every(({ uid }) => !this.#world.exists(uid));
  }

  #remove(object: KubeObject): Task {
    const { uid, namespace, name } = object.metadata;
    return {
      what: `removes ${object.kind} ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(object), uid === undefined ? {} : { uid }),
    };
  }
}
