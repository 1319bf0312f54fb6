/**
 * What the watches show to Prometheus. Deployments and series are those of the settings, detectors are three: so many
 * numbers and no more, and nothing that a client sent.
 */
import { Gauge, type Registry } from "prom-client";
import type { DetectorFinding } from "../anomaly/series-watch.ts";
import { type SeriesFinding, secondsOfWindow } from "./anomaly-watches.ts";

/** Of what a detector says, each number by name; one without a number is absent. */
const OF_DETECTOR: readonly {
  readonly name: string;
  readonly help: string;
  readonly read: (finding: DetectorFinding) => number | undefined;
}[] = [
  {
    name: "petrel_anomaly_expected_low",
    help: "Lower end of the band in which a detector expects the value; absent while it learns.",
    read: ({ band }) => band?.low,
  },
  {
    name: "petrel_anomaly_expected_high",
    help: "Upper end of the band in which a detector expects the value; absent while it learns.",
    read: ({ band }) => band?.high,
  },
  {
    name: "petrel_anomaly_alarm",
    help: "1 while a detector holds that the series is not what it was.",
    read: ({ since }) => (since === undefined ? 0 : 1),
  },
  {
    name: "petrel_anomaly_since_timestamp_seconds",
    help: "Since when an alarm holds that something is wrong, in seconds since the Unix epoch; absent without an alarm.",
    read: ({ since }) => (since === undefined ? undefined : secondsOfWindow(since)),
  },
];

/** Adds the metrics to a registry; `findings` is asked at each scrape. */
export function registerAnomalyMetrics(registry: Registry, findings: () => Iterable<SeriesFinding>): void {
  new Gauge({
    name: "petrel_anomaly_value",
    help: "Last value of a series that is watched, of five minutes.",
    labelNames: ["model_deployment", "series"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { deployment, series, value } of findings()) {
        this.set({ model_deployment: deployment, series }, value);
      }
    },
  });
  for (const { name, help, read } of OF_DETECTOR) {
    new Gauge({
      ...{ name, help },
      labelNames: ["model_deployment", "series", "detector"],
      registers: [registry],
      collect() {
        this.reset();
        for (const { deployment, series, detectors } of findings()) {
          for (const [detector, finding] of detectors) {
            const value = read(finding);
            if (value !== undefined) this.set({ model_deployment: deployment, series, detector }, value);
          }
        }
      },
    });
  }
}
