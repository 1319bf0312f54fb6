/**
 * FailoverDrills as metrics: how many are where, how they ended, and when each ModelDeployment was drilled last.
 *
 * Only the drill that ended last has a series of its own, so there are no more of them than ModelDeployments. Nothing is left of
 * drills that are gone.
 */
import { Gauge, type Registry } from "prom-client";
import { DRILL_OUTCOMES, type FailoverDrillStatus, REPORTED_PHASES } from "../api/drill-status.ts";
import type { ObservedDrill } from "../core/observation.ts";
import type { DrillSummary } from "./projections/drill.ts";

/** A drill that is shown. */
export interface ShownDrill {
  readonly namespace: string;
  readonly drill: ObservedDrill;
}

/** Those that are understood. */
export function shownDrills(drills: Iterable<DrillSummary>): readonly ShownDrill[] {
  return [...drills].flatMap(({ namespace, observed }) =>
    observed === undefined ? [] : [{ namespace, drill: observed }],
  );
}

/** Number of drills by what is read of their status: 0 where there is none. */
function counts<Value extends string>(
  values: readonly Value[],
  drills: readonly ShownDrill[],
  read: (status: FailoverDrillStatus) => Value | undefined,
): ReadonlyMap<Value, number> {
  const counted = new Map<Value, number>(values.map((value) => [value, 0]));
  for (const { drill } of drills) {
    const value = read(drill.status);
    if (value !== undefined) counted.set(value, (counted.get(value) ?? 0) + 1);
  }
  return counted;
}

/** Of one that is not over, nothing counts. */
function outcomeOf({ phase, verdict }: FailoverDrillStatus): (typeof DRILL_OUTCOMES)[number] | undefined {
  return phase === "Ended" ? verdict?.outcome : undefined;
}

/** Of each ModelDeployment the drill that ended last, with the time of that in seconds since the Unix epoch. */
function latestEnded(drills: readonly ShownDrill[]): readonly (readonly [ShownDrill, number])[] {
  const latest = new Map<string, readonly [ShownDrill, number]>();
  for (const shown of drills) {
    const { spec, status } = shown.drill;
    if (outcomeOf(status) === undefined) continue;
    const at = Date.parse(status.since ?? "") / 1_000;
    const key = `${shown.namespace}/${spec.modelDeployment}`;
    if (!Number.isNaN(at) && at > (latest.get(key)?.[1] ?? 0)) latest.set(key, [shown, at]);
  }
  return [...latest.values()];
}

/** Shows the drills that `current` gives at each scrape; undefined while this instance has nothing to say. */
export function showDrills(registry: Registry, current: () => readonly ShownDrill[] | undefined): void {
  const registers = [registry];
  new Gauge({
    name: "petrel_failover_drills",
    help: "FailoverDrills by phase, those that are over included; from the leader alone.",
    labelNames: ["phase"],
    registers,
    collect() {
      this.reset();
      const drills = current();
      if (drills === undefined) return;
      for (const [phase, count] of counts(REPORTED_PHASES, drills, ({ phase = "Pending" }) => phase))
        this.set({ phase }, count);
    },
  });
  new Gauge({
    name: "petrel_failover_drill_verdicts",
    help: "FailoverDrills that are over, by the outcome of their verdict; from the leader alone.",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      const drills = current();
      if (drills === undefined) return;
      for (const [outcome, count] of counts(DRILL_OUTCOMES, drills, outcomeOf)) this.set({ outcome }, count);
    },
  });
  new Gauge({
    name: "petrel_failover_drill_ended_timestamp_seconds",
    help: "When the latest drill of each ModelDeployment that is over ended, since the Unix epoch, with its verdict; from the leader alone.",
    labelNames: ["namespace", "model_deployment", "failover_drill", "outcome", "reason"],
    registers,
    collect() {
      this.reset();
      for (const [{ namespace, drill }, at] of latestEnded(current() ?? [])) {
        const { outcome = "", reason = "" } = drill.status.verdict ?? {};
        const own = { namespace, model_deployment: drill.spec.modelDeployment, failover_drill: drill.name };
        this.set({ ...own, outcome, reason }, at);
      }
    },
  });
}
