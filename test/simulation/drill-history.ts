/**
 * Every fault that was ever stored in the status of a drill, with its end: what a plan may then have.
 */
import { asString, valueAt } from "../../src/api/json.ts";
import { drillKey } from "../../src/core/drill/plan-drill.ts";
import type { World } from "./world.ts";

/** Remembers faults. */
export class DrillHistory {
  /** `KEY UNTIL`. */
  readonly #faults = new Set<string>();

  constructor(world: World) {
    world.onWrite(({ after }) => {
      if (after?.kind !== "FailoverDrill") return;
      const until = asString(valueAt(after, "status", "faultUntil"));
      if (until !== undefined) this.#faults.add(`${drillKey(after.metadata.uid ?? "")} ${until}`);
    });
  }

  /** Whether the drill of a key has stored a fault with this end. */
  wasStored(key: string, until: string): boolean {
    return this.#faults.has(`${key} ${until}`);
  }
}
