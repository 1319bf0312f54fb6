/**
 * What happens to the API server itself: it forgets its history, its wall clock jumps.
 */
import type { SeededRandom } from "../seeded-random.ts";
import type { Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

/** Disturbs the API server. */
export class ControlPlane implements Disturbance {
  readonly name = "control-plane";
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  next(random: SeededRandom): Task {
    if (random.chance(0.75)) {
      return { what: "forgets its history", run: () => this.#world.server.compact() };
    }
    const seconds = random.integer(-3600, 3600);
    return {
      what: `has its clock jump by ${seconds} s`,
      run: () => this.#world.serverClock.jump(seconds * 1000),
    };
  }
}
