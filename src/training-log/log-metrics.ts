/**
 * What training logs show to Prometheus, in every program that keeps some: what became of lines and files, and how far
 * the bucket is behind.
 */
import type { Registry } from "prom-client";
import { type ShownValue, showValues } from "../process/shown-metric.ts";
import { LINE_RESULTS, type ShownLog } from "./training-log.ts";

/** A log and what tells it from the others of the process. */
export interface LabelledLog {
  readonly labels: Readonly<Record<string, string>>;
  readonly log: ShownLog;
}

type Labels = ShownValue["labels"];

/** Adds the metrics of every log that `read` gives. */
export function showTrainingLogs(registry: Registry, read: () => readonly LabelledLog[]): void {
  const ofEach = (values: (labels: Labels, log: ShownLog) => readonly ShownValue[]) => () =>
    read().flatMap(({ labels, log }) => values({ ...labels, kind: log.kind }, log));
  const ofEachBucket = (
    values: (labels: Labels, uploads: NonNullable<ShownLog["uploads"]>) => readonly ShownValue[],
  ) => ofEach((labels, { uploads }) => (uploads === undefined ? [] : values(labels, uploads)));
  showValues(
    registry,
    "counter",
    "petrel_training_log_lines_total",
    "Requests or labels of the sample, by whether their line was written, or why it was dropped.",
    ofEach((labels, { lines }) =>
      LINE_RESULTS.map((result) => ({ labels: { ...labels, result }, value: lines[result] })),
    ),
  );
  showValues(
    registry,
    "counter",
    "petrel_training_log_uploads_total",
    "Files of the training log that the bucket took, and tries that failed.",
    ofEachBucket((labels, { uploaded, failed }) => [
      { labels: { ...labels, result: "uploaded" }, value: uploaded },
      { labels: { ...labels, result: "failed" }, value: failed },
    ]),
  );
  showValues(
    registry,
    "counter",
    "petrel_training_log_uploaded_bytes_total",
    "Bytes of the training log that the bucket took, packed.",
    ofEachBucket((labels, { bytes }) => [{ labels, value: bytes }]),
  );
  showValues(
    registry,
    "gauge",
    "petrel_training_log_lag_seconds",
    "How long ago the oldest file was begun that the bucket has not got; 0 when it has all.",
    ofEachBucket((labels, { lagSeconds }) => [{ labels, value: lagSeconds }]),
  );
}
