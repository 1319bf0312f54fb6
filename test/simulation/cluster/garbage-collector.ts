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
    const orphans: Task[] = [];
    // A deletion in the foreground goes over several objects; it is left to the server's own collector.
    let isWaiting = false;
    for (const object of objects) {
      const { deletionTimestamp, finalizers = [] } = object.metadata;
      if (deletionTimestamp !== undefined) isWaiting ||= finalizers.length > 0;
      else if (this.#hasLostItsOwners(object)) orphans.push(this.#remove(object));
    }
    const whole = {
      what: "goes on with foreground deletions",
      run: () => this.#world.server.collectGarbage(),
    };
    return isWaiting ? [...orphans, whole] : orphans;
  }

  #hasLostItsOwners({ metadata }: KubeObject): boolean {
    const { ownerReferences = [] } = metadata;
    return ownerReferences.length > 0 && ownerReferences.every(({ uid }) => !this.#world.exists(uid));
  }

  #remove(object: KubeObject): Task {
    const { uid, namespace, name } = object.metadata;
    return {
      what: `removes ${object.kind} ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(object), uid === undefined ? {} : { uid }),
    };
  }
}
