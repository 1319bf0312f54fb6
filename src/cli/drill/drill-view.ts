/**
 * A FailoverDrill as the command line shows it. Pure.
 */
import { Compile } from "typebox/compile";
import { type FailoverDrillStatus, failoverDrillStatusSchema } from "../../api/drill-status.ts";
import { type FailoverDrillSpec, failoverDrillSpecSchema } from "../../api/failover-drill.ts";
import { ageText } from "../age-text.ts";
import { type ConcludedView, viewReader } from "../concluded-object.ts";
import { tableLines } from "../table.ts";

const specCheck = Compile(failoverDrillSpecSchema);
const statusCheck = Compile(failoverDrillStatusSchema);

/** What is known of one drill. */
export type DrillView = ConcludedView<FailoverDrillSpec, FailoverDrillStatus>;

/** Reads one; undefined when it is one of another schema. */
export const drillView = viewReader<FailoverDrillSpec, FailoverDrillStatus>(
  (value) => specCheck.Check(value),
  (value) => statusCheck.Check(value),
);

/** Where it is, and why: `Ended (Passed)`. */
export function phaseText({ phase = "Pending", verdict, reason }: FailoverDrillStatus): string {
  const why = verdict?.outcome ?? reason;
  return why === undefined ? phase : `${phase} (${why})`;
}

/** What it does to whom: `Latency 300ms of gpu`. */
export function faultText({ fault: { type, pool, status, delay } }: FailoverDrillSpec): string {
  const how = status ?? delay;
  return how === undefined ? `${type} of ${pool}` : `${type} ${how} of ${pool}`;
}

/** A line for each, the oldest first. */
export function drillLines(views: readonly DrillView[], nowMilliseconds: number): readonly string[] {
  if (views.length === 0) return ["No drill is there."];
  const rows = views.map(({ name, madeAt, spec, status }) => [
    name,
    spec.modelDeployment,
    faultText(spec),
    phaseText(status),
    ageText(madeAt, nowMilliseconds),
    status.message ?? "",
  ]);
  return tableLines([["NAME", "DEPLOYMENT", "FAULT", "PHASE", "AGE", "MESSAGE"], ...rows]);
}
