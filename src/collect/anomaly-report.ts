/**
 * What the watches say to the operator: for each deployment the alarms that go on, and the series of which nothing is known.
 *
 * It never counts a series as quiet that was not looked at: what nobody looks at raises no alarm either.
 */
import type { WatchedAnswer, WatchedDeployment } from "../anomaly/watched-answer.ts";
import { type AnomalyWatches, secondsOfWindow } from "./anomaly-watches.ts";
import { CollectError } from "./collect-error.ts";

/** Windows by which a look may be behind: half an hour. Routers tell of each minute at once. */
const LATE_WINDOWS = 6;

interface Report {
  readonly name: string;
  watched: number;
  readonly unjudged: string[];
  readonly unknown: string[];
  readonly alarms: WatchedDeployment["alarms"][number][];
}

/**
 * The deployments that are watched, in the order of their series.
 *
 * @throws {CollectError} shortly after a start, while some are not read yet: they are not unknown for that.
 */
export function anomalyReport(
  partition: WatchedAnswer["partition"],
  watches: Pick<AnomalyWatches, "isRead" | "states">,
): WatchedAnswer {
  if (!watches.isRead) throw new CollectError("Overloaded", "expected the series to be read: ask again");
  const reports = new Map<string, Report>();
  for (const state of watches.states()) {
    const { deployment, series, watch, behind } = state;
    const report = reports.get(deployment) ?? {
      ...{ name: deployment, watched: 0, unjudged: [], unknown: [], alarms: [] },
    };
    reports.set(deployment, report);
    report.watched++;
    const alarm = watch?.anomaly;
    if (watch === undefined || behind > LATE_WINDOWS) report.unknown.push(series);
    else if (alarm !== undefined) {
      const { value, low, high } = alarm;
      report.alarms.push({ series, since: secondsOfWindow(alarm.since), value, low, high });
    } else if (
      Number.isNaN(watch.value) ||
      [...watch.findings.values()].every(({ band }) => band === undefined)
    ) {
      report.unjudged.push(series);
    }
  }
  return { partition, deployments: [...reports.values()] };
}
