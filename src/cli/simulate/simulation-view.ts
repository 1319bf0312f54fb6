/**
 * A simulation as programs and people read it. Pure.
 */
import { tableLines } from "../table.ts";
import type { SimulatedRun } from "./simulation.ts";

/** One setting, for programs. Shares are of 1. */
export interface RunView {
  /** Share of the concurrency to use; absent where a manifest says what to do. */
  readonly target?: number;
  /** File of that manifest. */
  readonly manifest?: string;
  readonly requests: number;
  readonly waitedTooLong: number;
  readonly replicaHours: number;
  readonly nodeHours: number;
  readonly changesPerHour: number;
  readonly mostReplicas: number;
  readonly timeUnder: number;
  readonly timeOver: number;
  readonly forecasters: Readonly<Record<string, number>>;
}

/** The whole, for programs. */
export interface SimulationView {
  readonly from: string;
  readonly days: number;
  readonly peak: number;
  readonly missing: number;
  readonly runs: readonly RunView[];
}

/** One setting, by its target or by the file of its manifest. */
export function runView(name: number | string, { result, forecasters }: SimulatedRun): RunView {
  const { requests, violations, replicaSeconds, nodeSeconds, changes, seconds } = result;
  return {
    ...(typeof name === "number" ? { target: name } : { manifest: name }),
    ...{ requests, waitedTooLong: requests === 0 ? 0 : violations / requests },
    ...{ replicaHours: replicaSeconds / 3_600, nodeHours: nodeSeconds / 3_600 },
    ...{ changesPerHour: (3_600 * changes) / seconds, mostReplicas: result.mostReplicas },
    ...{ timeUnder: result.timeUnder, timeOver: result.timeOver, forecasters },
  };
}

/** As a person reads it. */
export function runLines({ from, days, peak, missing, runs }: SimulationView): readonly string[] {
  const rows = runs.map((run) => [
    run.target === undefined ? (run.manifest ?? "") : percentage(run.target, 0),
    percentage(run.waitedTooLong, 2),
    run.replicaHours.toFixed(0),
    run.nodeHours.toFixed(0),
    String(run.mostReplicas),
    run.changesPerHour.toFixed(1),
    percentage(run.timeUnder, 1),
    Object.entries(run.forecasters)
      .map(([name, share]) => `${name} ${percentage(share, 0)}`)
      .join(", ") || "none",
  ]);
  const header = [
    "TARGET",
    "WAITED TOO LONG",
    "REPLICA HOURS",
    "NODE HOURS",
    "MOST",
    "CHANGES/H",
    "UNDER",
    "FORECAST",
  ];
  const holes = missing === 0 ? "" : `, ${missing} minutes without a value`;
  return [
    `${days.toFixed(1)} days from ${from}, up to ${Number(peak.toPrecision(4))} requests a second in a minute${holes}`,
    ...tableLines([header, ...rows], "  "),
  ];
}

function percentage(share: number, digits: number): string {
  return `${(100 * share).toFixed(digits)}%`;
}
