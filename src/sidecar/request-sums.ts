/**
 * What the requests to one revision in one arm were: counts and sums that add over replicas.
 *
 * Of a request the row that was drawn at random is counted: rows of one request are alike.
 */
import type { ObservedSettings } from "../tap/observed-settings.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import { bucketOf, ColumnSums } from "./column-sums.ts";

/** Seconds. */
export const LATENCY_EDGES = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
/** Seconds: features are made at once, each hour, each day. */
export const AGE_EDGES = [0.1, 1, 10, 60, 300, 1_800, 3_600, 21_600, 86_400, 259_200, 604_800] as const;
/** Classes of a status. */
export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

const LATENCIES = Float64Array.from(LATENCY_EDGES);
const AGES = Float64Array.from(AGE_EDGES);

/** Durations by bucket, and their sum in seconds. */
export interface DurationSums {
  readonly counts: Float64Array;
  sum: number;
}

/** Sums of one revision in one arm. */
export class RequestSums {
  readonly revision: string;
  readonly arm: number;
  /** By {@link STATUS_CLASSES}. */
  readonly statuses = new Float64Array(STATUS_CLASSES.length);
  readonly latencies: DurationSums = { counts: new Float64Array(LATENCIES.length + 1), sum: 0 };
  readonly ages: DurationSums = { counts: new Float64Array(AGES.length + 1), sum: 0 };
  readonly columns: readonly ColumnSums[];
  rows = 0;
  /** When the newest request came, in milliseconds since the Unix epoch. */
  lastMilliseconds = 0;

  constructor(revision: string, arm: number, { columns }: ObservedSettings) {
    this.revision = revision;
    this.arm = arm;
    this.columns = columns.map((column) => new ColumnSums(column));
  }

  /** Counts a request. `places` says where in the event each column is; -1 where it is not. */
  add(event: TapEvent, places: Int32Array): void {
    const statusClass = Math.floor(event.status / 100) - 1;
    if (statusClass >= 0 && statusClass < STATUS_CLASSES.length) {
      this.statuses[statusClass] = (this.statuses[statusClass] ?? 0) + 1;
    }
    addDuration(this.latencies, LATENCIES, event.latencyMilliseconds / 1_000);
    if (!Number.isNaN(event.featureAgeSeconds)) addDuration(this.ages, AGES, event.featureAgeSeconds);
    this.rows += event.rows;
    this.lastMilliseconds = Math.max(this.lastMilliseconds, event.timeMilliseconds);
    if (event.describedRows === 0) return;
    const row = event.drawnRow * event.columns;
    for (let index = 0; index < places.length; index++) {
      const place = places[index] ?? -1;
      if (place >= 0) this.columns[index]?.add(event.values[row + place] ?? Number.NaN);
    }
  }
}

function addDuration(into: DurationSums, edges: Float64Array, seconds: number): void {
  const bucket = bucketOf(edges, seconds);
  into.counts[bucket] = (into.counts[bucket] ?? 0) + 1;
  into.sum += seconds;
}
