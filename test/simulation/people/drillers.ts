/**
 * People who rehearse failovers: they make drills, end them, and delete them, at any moment. In most worlds nobody does.
 */

import { FAULT_TYPES } from "../../../src/api/failover-drill.ts";
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { API_GROUP_VERSION } from "../../../src/api/names.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

const MANAGER = { fieldManager: "kubectl" };
/** Nobody waits for longer than that for a drill to begin. */
const PATIENCE_MILLISECONDS = 20_000;
const BEGUN: ReadonlySet<unknown> = new Set(["Control", "Injecting", "Observing", "Reverting", "Failback"]);
const SETTINGS: Readonly<Record<string, object>> = { Errors: { status: 500 }, Latency: { delay: "300ms" } };

/** People who rehearse. */
export class Drillers implements Controller, Disturbance {
  readonly name = "driller";
  readonly #world: World;
  readonly #random: SeededRandom;
  #isCalm = false;
  #count = 0;
  /** By uid of the drill: when it was first seen to wait after all was calm; monotonic milliseconds. */
  readonly #waitsSince = new Map<string, number>();

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** Nobody has a wish any more, and nobody waits. */
  calm(): void {
    this.#isCalm = true;
  }

  tasks(): readonly Task[] {
    if (!this.#isCalm) return [];
    const now = this.#world.clock.monotonic();
    return this.#drills().flatMap((drill) => {
      const { uid = "" } = drill.metadata;
      const phase = valueAt(drill, "status", "phase");
      if (phase !== undefined && phase !== "Pending" && phase !== "Preflight") return [];
      const since = this.#waitsSince.get(uid) ?? now;
      this.#waitsSince.set(uid, since);
      return now - since < PATIENCE_MILLISECONDS ? [] : [this.#abort(drill)];
    });
  }

  next(random: SeededRandom): Task | undefined {
    const drills = this.#drills();
    // Few are under way, and each of their phases is to be met.
    const begun = drills.filter(({ status }) => BEGUN.has(valueAt(status, "phase")));
    const drill = random.pick(begun.length > 0 && random.chance(0.8) ? begun : drills);
    if (drill !== undefined && random.chance(0.35)) {
      return random.chance(0.5) ? this.#abort(drill) : this.#delete(drill);
    }
    // Mostly where there is a pool behind the first.
    const all = this.#deployments();
    const several = all.filter((one) => asList(valueAt(one, "spec", "pools")).length > 1);
    const target = random.pick(several.length > 0 && random.chance(0.9) ? several : all);
    return target === undefined ? undefined : this.#make(target, random);
  }

  /** One more drill for whatever can be drilled, once everything has come to rest. */
  atRest(): readonly Task[] {
    return this.#deployments()
      .filter((one) => asList(valueAt(one, "spec", "pools")).length > 1)
      .map((one) => this.#make(one, this.#random));
  }

  #deployments(): readonly KubeObject[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  #drills(): readonly KubeObject[] {
    return this.#world
      .objects("FailoverDrill")
      .filter((drill) => valueAt(drill, "status", "phase") !== "Ended")
      .filter((drill) => valueAt(drill, "spec", "abort") !== true);
  }

  #make(target: KubeObject, random: SeededRandom): Task {
    this.#count += 1;
    const { name: modelDeployment, namespace = "" } = target.metadata;
    const type = random.pick(FAULT_TYPES) ?? "PoolLoss";
    const pool = asString(valueAt(asList(valueAt(target, "spec", "pools"))[0], "name")) ?? "default";
    const drill: KubeObject = {
      apiVersion: API_GROUP_VERSION,
      kind: "FailoverDrill",
      metadata: { name: `drill-${this.#count}`, namespace },
      spec: {
        modelDeployment,
        fault: { type, pool, ...SETTINGS[type] },
        probe: { path: "/", body: "{}" },
        objectives: { recovery: "2s", availability: "50%", slow: "100%" },
        control: "1s",
        duration: `${random.integer(4, 8)}s`,
        failback: "2s",
        hold: "1s",
      },
    };
    return {
      what: `drills ${namespace}/${modelDeployment}: ${type}`,
      run: () => this.#world.portFor(this.name).create(drill, MANAGER),
    };
  }

  #abort(drill: KubeObject): Task {
    const spec = valueAt(drill, "spec");
    const changed = { ...drill, spec: { ...(typeof spec === "object" ? spec : {}), abort: true } };
    return {
      what: `ends ${drill.metadata.namespace}/${drill.metadata.name}`,
      run: () => this.#world.portFor(this.name).replace(changed, MANAGER),
    };
  }

  #delete(drill: KubeObject): Task {
    return {
      what: `deletes ${drill.metadata.namespace}/${drill.metadata.name}`,
      run: () => this.#world.portFor(this.name).delete(referenceTo(drill), {}),
    };
  }
}
