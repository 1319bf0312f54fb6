/**
 * What the sidecar shows to Prometheus: sums that add over replicas, by revision and arm, and gauges for people, which
 * must not be averaged over replicas. No label holds anything of a user; revisions are bounded by what is kept.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import { type ShownHistogram, type ShownValue, showHistograms, showValues } from "../process/shown-metric.ts";
import { coarseCountsOf } from "../stats/reference-distribution.ts";
import { armName } from "../tap/tap-event.ts";
import { showTrainingLogs } from "../training-log/log-metrics.ts";
import type { ShownLog } from "../training-log/training-log.ts";
import { VALUE_KINDS } from "./column-sums.ts";
import { type ColumnDrift, DRIFT_TESTS } from "./drift-watch.ts";
import type { ObservedArm, ObservedModel } from "./observed-model.ts";
import { AGE_EDGES, LATENCY_EDGES, STATUS_CLASSES } from "./request-sums.ts";
import type { TapCounts } from "./tap-listener.ts";

/** What the metrics read when they are asked for. */
export interface SidecarGauges {
  readonly model: () => ObservedModel;
  readonly tap: TapCounts;
  readonly trainingLog: () => ShownLog | undefined;
  /** Requests to a foreign runtime that could not be observed, by reason. */
  readonly unobserved: Readonly<Record<string, number>>;
  readonly configurationIsValid: () => boolean;
}

type Labels = Readonly<Record<string, string>>;
const NONE: Labels = {};

/** A registry with all metrics. */
export function sidecarMetrics(gauges: SidecarGauges): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  showRequests(registry, gauges.model);
  showColumns(registry, gauges.model);
  showDrift(registry, gauges.model);
  showItself(registry, gauges);
  return registry;
}

function labelsOf({ sums }: ObservedArm): Labels {
  return { model_revision: sums.revision, arm: armName(sums.arm) };
}

function showRequests(registry: Registry, model: () => ObservedModel): void {
  const each = <Shown>(read: (arm: ObservedArm, labels: Labels) => readonly Shown[]) => {
    return () => model().arms.flatMap((arm) => read(arm, labelsOf(arm)));
  };
  const counter = (name: string, help: string, read: () => readonly ShownValue[]) =>
    showValues(registry, "counter", name, help, read);
  counter(
    "petrel_model_requests_total",
    "Inference requests that were observed, by class of their status.",
    each(({ sums }, labels) =>
      STATUS_CLASSES.map((code, index) => ({
        labels: { ...labels, code },
        value: sums.statuses[index] ?? 0,
      })),
    ),
  );
  counter(
    "petrel_model_rows_total",
    "Rows of the observed requests.",
    each(({ sums }, labels) => [{ labels, value: sums.rows }]),
  );
  showHistograms(
    registry,
    "petrel_model_request_duration_seconds",
    "Time from an observed request to its answer.",
    each(({ sums }, labels) => [{ labels, edges: LATENCY_EDGES, ...sums.latencies }]),
  );
  showHistograms(
    registry,
    "petrel_model_feature_age_seconds",
    "How old the features of observed requests were, where requests say it.",
    each(({ sums }, labels) => [{ labels, edges: AGE_EDGES, ...sums.ages }]),
  );
  showValues(
    registry,
    "gauge",
    "petrel_model_last_request_timestamp_seconds",
    "When the newest observed request came, since the Unix epoch.",
    each(({ sums }, labels) => [{ labels, value: sums.lastMilliseconds / 1_000 }]),
  );
}

function showColumns(registry: Registry, model: () => ObservedModel): void {
  const each = <Shown>(
    read: (sums: ObservedArm["sums"]["columns"][number], labels: Labels) => readonly Shown[],
  ) => {
    return () =>
      model().arms.flatMap((arm) =>
        arm.sums.columns.flatMap((sums) => read(sums, { ...labelsOf(arm), column: sums.column.name })),
      );
  };
  showValues(
    registry,
    "counter",
    "petrel_model_values_total",
    "Values of a score or feature, one row of each request: those that are numbers, missing, infinite, below and above the range of the settings.",
    each((sums, labels) => VALUE_KINDS.map((kind) => ({ labels: { ...labels, kind }, value: sums[kind] }))),
  );
  showHistograms(
    registry,
    "petrel_model_value",
    "Distribution of a score or feature, one row of each request.",
    each(({ column, buckets, sum }, labels): readonly ShownHistogram[] => [
      { labels, edges: column.edges, counts: buckets, sum },
    ]),
  );
  showValues(
    registry,
    "counter",
    "petrel_model_value_squares_total",
    "Sum of the squares of a score or feature, for its variance.",
    each(({ squares }, labels) => [{ labels, value: squares }]),
  );
  showValues(
    registry,
    "gauge",
    "petrel_model_missing_ratio",
    "Share of the values of a score or feature that were missing, since this process began.",
    each(({ number, missing, infinite }, labels) => ratio(missing, number + missing + infinite, labels)),
  );
  showValues(
    registry,
    "gauge",
    "petrel_model_out_of_range_ratio",
    "Share of the numbers of a score or feature that were out of the range of the settings, since this process began.",
    each(({ number, below, above }, labels) => ratio(below + above, number, labels)),
  );
}

function ratio(part: number, whole: number, labels: Labels): readonly ShownValue[] {
  return whole === 0 ? [] : [{ labels, value: part / whole }];
}

function showDrift(registry: Registry, model: () => ObservedModel): void {
  const show = (
    kind: "counter" | "gauge",
    name: string,
    help: string,
    read: (column: ColumnDrift, labels: Labels) => readonly ShownValue[],
  ) =>
    showValues(registry, kind, name, help, () =>
      model().arms.flatMap((arm) =>
        (arm.drift?.columns ?? []).flatMap((column, index) => {
          const { name: columnName = "" } = arm.sums.columns[index]?.column ?? {};
          return column === undefined ? [] : read(column, { ...labelsOf(arm), column: columnName });
        }),
      ),
    );
  const last = (
    name: string,
    help: string,
    read: (drift: NonNullable<ColumnDrift["last"]>) => number | undefined,
  ) =>
    show("gauge", name, help, (column, labels) => {
      const value = column.last === undefined ? undefined : read(column.last);
      return value === undefined ? [] : [{ labels, value }];
    });
  show("counter", "petrel_model_drift_looks_total", "Windows that were judged.", (column, labels) => [
    { labels, value: column.looks },
  ]);
  show(
    "counter",
    "petrel_model_drift_alarms_total",
    "Windows that are less likely without drift than the rate of false alarms that was asked for.",
    (column, labels) =>
      DRIFT_TESTS.map((test) => ({ labels: { ...labels, test }, value: column.alarms[test] })),
  );
  show(
    "counter",
    "petrel_model_drift_values_total",
    "Values by tenth of the reference; with a reference from a file they add over replicas.",
    (column, labels) => perTenth(column.tenths, labels),
  );
  show(
    "gauge",
    "petrel_model_drift_reference_ratio",
    "Share of the reference in each of its tenths.",
    ({ reference }, labels) =>
      perTenth(
        coarseCountsOf(reference).map((count) => count / reference.size),
        labels,
      ),
  );
  show(
    "gauge",
    "petrel_model_drift_alarm",
    "1 when the last window raised an alarm, else 0.",
    ({ last: verdict }, labels) =>
      verdict === undefined
        ? []
        : DRIFT_TESTS.map((test) => ({ labels: { ...labels, test }, value: verdict.alarms[test] ? 1 : 0 })),
  );
  show(
    "gauge",
    "petrel_model_drift_p_value",
    "Chance of the last window without drift.",
    ({ last: verdict }, labels) =>
      verdict === undefined
        ? []
        : DRIFT_TESTS.map((test) => ({ labels: { ...labels, test }, value: verdict.pValues[test] })),
  );
  last(
    "petrel_model_drift_psi",
    "Population stability index of the last window against the reference.",
    ({ drift }) => drift?.stability.index,
  );
  last(
    "petrel_model_drift_psi_threshold",
    "Index from which the last window would have raised an alarm, at its number of values.",
    ({ drift }) => drift?.stability.threshold,
  );
  last(
    "petrel_model_drift_ks",
    "Largest difference between the distribution functions of the last window and of the reference.",
    ({ drift }) => drift?.kolmogorovSmirnov.statistic,
  );
  last("petrel_model_drift_window_values", "Numbers in the last window.", ({ drift }) => drift?.count);
}

function perTenth(values: Float64Array, labels: Labels): readonly ShownValue[] {
  return Array.from(values, (value, bin) => ({ labels: { ...labels, bin: String(bin) }, value }));
}

function showItself(registry: Registry, gauges: SidecarGauges): void {
  const { model, tap, trainingLog, unobserved, configurationIsValid } = gauges;
  const one = (kind: "counter" | "gauge", name: string, help: string, read: () => number) =>
    showValues(registry, kind, name, help, () => [{ labels: NONE, value: read() }]);
  one("counter", "petrel_sidecar_events_total", "Requests that were observed.", () => model().events);
  one(
    "counter",
    "petrel_sidecar_events_missed_total",
    "Requests that the model server did not tell of, for this process was too slow.",
    () => tap.missed,
  );
  one(
    "counter",
    "petrel_sidecar_events_unkept_total",
    "Observed requests of revisions and arms beyond those that are kept.",
    () => model().unkept,
  );
  one("gauge", "petrel_sidecar_tap_connections", "Model servers that are connected.", () => tap.connections);
  one(
    "counter",
    "petrel_sidecar_tap_malformed_total",
    "Connections that were ended for what they said.",
    () => tap.malformed,
  );
  showValues(
    registry,
    "counter",
    "petrel_sidecar_unobserved_total",
    "Requests to a foreign runtime of which inputs and outputs could not be observed.",
    () => Object.entries(unobserved).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  showTrainingLogs(registry, () => {
    const log = trainingLog();
    return log === undefined ? [] : [{ labels: NONE, log }];
  });
  one(
    "gauge",
    "petrel_sidecar_configuration_valid",
    "1 while the settings in effect are those of the file.",
    () => (configurationIsValid() ? 1 : 0),
  );
}
