/**
 * What training logs show to Prometheus, in every program that keeps some: what became of lines and files, and how far
 * the bucket is behind.
 */
import { Counter, Gauge, type Registry } from "prom-client";
import { LINE_RESULTS, type ShownLog } from "./training-log.ts";

/** A log and what tells it from the others of the process. */
export interface LabelledLog<Name extends string> {
  readonly labels: Readonly<Record<Name, string>>;
  readonly log: ShownLog;
}

/** Adds the metrics; `labelNames` are those of every log that `read` gives. */
export function showTrainingLogs<Name extends string>(
  registry: Registry,
  labelNames: readonly Name[],
  read: () => readonly LabelledLog<Name>[],
): void {
  const registers = [registry];
  const common = ["kind", ...labelNames];
  const each = (show: (labels: Readonly<Record<string, string>>, log: ShownLog) => void) => {
    for (const { labels, log } of read()) show({ ...labels, kind: log.kind }, log);
  };
  new Counter({
    name: "petrel_training_log_lines_total",
    help: "Requests or labels of the sample, by whether their line was written, or why it was dropped.",
    labelNames: [...common, "result"],
    registers,
    collect() {
      this.reset();
      each((labels, { lines }) => {
        for (const result of LINE_RESULTS) this.inc({ ...labels, result }, lines[result]);
      });
    },
  });
  new Counter({
    name: "petrel_training_log_uploads_total",
    help: "Files of the training log that the bucket took, and tries that failed.",
    labelNames: [...common, "result"],
    registers,
    collect() {
      this.reset();
      each((labels, { uploads }) => {
        if (uploads === undefined) return;
        this.inc({ ...labels, result: "uploaded" }, uploads.uploaded);
        this.inc({ ...labels, result: "failed" }, uploads.failed);
      });
    },
  });
  new Counter({
    name: "petrel_training_log_uploaded_bytes_total",
    help: "Bytes of the training log that the bucket took, packed.",
    labelNames: common,
    registers,
    collect() {
      this.reset();
      each((labels, { uploads }) => {
        if (uploads !== undefined) this.inc(labels, uploads.bytes);
      });
    },
  });
  new Gauge({
    name: "petrel_training_log_lag_seconds",
    help: "How long ago the oldest file was begun that the bucket has not got; 0 when it has all.",
    labelNames: common,
    registers,
    collect() {
      this.reset();
      each((labels, { uploads }) => {
        if (uploads !== undefined) this.set(labels, uploads.lagSeconds);
      });
    },
  });
}
