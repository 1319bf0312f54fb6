/**
 * The end of faults: a router takes the fault of a drill out of a plan when its time is over, by its own clocks, whether or not
 * the API server and the operator are there to ask for it.
 *
 * Two clocks, and whichever says so first: the time of day, which may be wrong, and the time since the fault was first seen,
 * which a restart of the router begins anew. A plan without its fault keeps its epoch: proof that a fault is there are the
 * witnesses of the drill alone, never an acknowledgement.
 */
import { parseDurationMilliseconds } from "../api/duration.ts";
import type { PlannedFault } from "../api/planned-drill.ts";
import type { Clock } from "../core/clock.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import { type PlannedTraffic, renderPlan } from "./progress.ts";
import type { DesiredConfiguration } from "./sequence.ts";

interface Seen {
  /** Tells one fault of a ModelDeployment from the next. */
  readonly until: string;
  /** Monotonic milliseconds. */
  readonly firstAt: number;
  /** It stays so, should a clock be set back. */
  readonly hasEnded: boolean;
}

/** Ends the faults of one router. */
export class ExpiringFaults {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #settings: Pick<RenderSettings, "layout" | "address">;
  #seen: ReadonlyMap<string, Seen> = new Map();
  readonly #rendered = new WeakMap<PlannedTraffic, PlannedTraffic>();

  constructor(clock: Pick<Clock, "now" | "monotonic">, settings: Pick<RenderSettings, "layout" | "address">) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Looks at the clocks. Returns whether a fault has ended since the last look. */
  look(wanted: DesiredConfiguration): boolean {
    const seen = new Map<string, Seen>();
    let anyEnded = false;
    for (const [name, fault] of faultsOf(wanted)) {
      const before = this.#seen.get(name);
      const { firstAt, hasEnded } =
        before?.until === fault.until ? before : { firstAt: this.#clock.monotonic(), hasEnded: false };
      const isOver = hasEnded || this.#left(fault, firstAt) <= 0;
      anyEnded ||= isOver && !hasEnded;
      seen.set(name, { until: fault.until, firstAt, hasEnded: isOver });
    }
    this.#seen = seen;
    return anyEnded;
  }

  /** The plans as they are to be carried out, by the last look. */
  inEffect(wanted: DesiredConfiguration): DesiredConfiguration {
    if (![...this.#seen.values()].some(({ hasEnded }) => hasEnded)) return wanted;
    return new Map(
      [...wanted].map(([name, desired]) => {
        const { traffic } = desired;
        if (traffic === undefined || this.#seen.get(name)?.hasEnded !== true) return [name, desired];
        return [name, { ...desired, traffic: this.#withoutFault(name, traffic) }];
      }),
    );
  }

  /** How long until the next fault ends, in milliseconds; infinity where there is none. */
  delayMilliseconds(wanted: DesiredConfiguration): number {
    const left = faultsOf(wanted).flatMap(([name, fault]) => {
      const seen = this.#seen.get(name);
      return seen === undefined || seen.hasEnded ? [] : [this.#left(fault, seen.firstAt)];
    });
    return Math.max(0, Math.min(Number.POSITIVE_INFINITY, ...left));
  }

  #left({ until, longest }: PlannedFault, firstAt: number): number {
    return Math.min(
      Date.parse(until) - this.#clock.now(),
      firstAt + parseDurationMilliseconds(longest) - this.#clock.monotonic(),
    );
  }

  #withoutFault(name: string, traffic: PlannedTraffic): PlannedTraffic {
    const { drill, ...rest } = traffic.plan;
    const known = this.#rendered.get(traffic);
    if (known !== undefined || drill === undefined) return known ?? traffic;
    const { fault: _ended, ...routes } = drill;
    const rendered = renderPlan(name, { ...rest, drill: routes }, this.#settings);
    this.#rendered.set(traffic, rendered);
    return rendered;
  }
}

function faultsOf(wanted: DesiredConfiguration): readonly (readonly [string, PlannedFault])[] {
  return [...wanted].flatMap(([name, { traffic }]) => {
    const fault = traffic?.plan.drill?.fault;
    return fault === undefined ? [] : [[name, fault] as const];
  });
}
