/**
 * The chart's PodMonitors as jobs of a plain Prometheus, as the Prometheus Operator makes them: for each endpoint the pods
 * that are selected and have the port, with the labels that relabellings give. Pure.
 *
 * Pods are named one by one, with what discovery would say of them in `__meta_kubernetes_*`: what is tried is the chart's
 * relabellings, and not the discovery of Prometheus.
 */
import { asList, asRecord, asString, valueAt } from "../../src/api/json.ts";

/** One scrape job of Prometheus. */
export interface ScrapeJob {
  readonly job_name: string;
  readonly metrics_path: string;
  readonly honor_labels: boolean;
  readonly static_configs: readonly {
    readonly targets: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly relabel_configs: readonly object[];
  readonly metric_relabel_configs: readonly object[];
}

/** The jobs of some PodMonitors over some pods, as the API has both. Endpoints without a pod are jobs without a target. */
export function scrapeJobs(monitors: readonly unknown[], pods: readonly unknown[]): readonly ScrapeJob[] {
  return monitors.flatMap((monitor) => {
    const selected = pods.filter((pod) => isSelected(monitor, pod));
    return asList(valueAt(monitor, "spec", "podMetricsEndpoints")).map((endpoint, index): ScrapeJob => {
      const port = textAt(endpoint, "port");
      return {
        job_name: `${textAt(monitor, "metadata", "name")}/${index}`,
        metrics_path: asString(valueAt(endpoint, "path")) ?? "/metrics",
        honor_labels: valueAt(endpoint, "honorLabels") === true,
        static_configs: selected.flatMap((pod) => targetOf(pod, port)),
        relabel_configs: asList(valueAt(endpoint, "relabelings")).map(relabelling),
        metric_relabel_configs: asList(valueAt(endpoint, "metricRelabelings")).map(relabelling),
      };
    });
  });
}

function isSelected(monitor: unknown, pod: unknown): boolean {
  const namespace = textAt(pod, "metadata", "namespace");
  const selector = valueAt(monitor, "spec", "namespaceSelector");
  const names = asList(valueAt(selector, "matchNames"));
  // Without a selector it is the namespace of the PodMonitor.
  const isOfNamespace =
    valueAt(selector, "any") === true ||
    (names.length > 0 ? names.includes(namespace) : namespace === textAt(monitor, "metadata", "namespace"));
  const labels = asRecord(valueAt(pod, "metadata", "labels")) ?? {};
  const wanted = Object.entries(asRecord(valueAt(monitor, "spec", "selector", "matchLabels")) ?? {});
  return isOfNamespace && wanted.every(([name, value]) => labels[name] === value);
}

/** None for a pod without an address or without the port. A sidecar is an init container that goes on. */
function targetOf(pod: unknown, port: string): ScrapeJob["static_configs"] {
  const address = asString(valueAt(pod, "status", "podIP"));
  const containers = ["initContainers", "containers"].flatMap((field) => asList(valueAt(pod, "spec", field)));
  for (const container of containers) {
    const found = asList(valueAt(container, "ports")).find((one) => valueAt(one, "name") === port);
    const number = valueAt(found, "containerPort");
    if (address === undefined || number === undefined) continue;
    const host = address.includes(":") ? `[${address}]` : address;
    const labels = Object.entries(asRecord(valueAt(pod, "metadata", "labels")) ?? {}).map(([name, value]) => [
      `__meta_kubernetes_pod_label_${name.replace(/[^a-zA-Z0-9_]/g, "_")}`,
      String(value),
    ]);
    return [
      {
        targets: [`${host}:${number}`],
        labels: {
          ...Object.fromEntries(labels),
          namespace: textAt(pod, "metadata", "namespace"),
          pod: textAt(pod, "metadata", "name"),
          container: textAt(container, "name"),
          endpoint: port,
        },
      },
    ];
  }
  return [];
}

/** With the words of Prometheus in place of those of the Prometheus Operator. */
function relabelling(value: unknown): object {
  const words = new Map([
    ["sourceLabels", "source_labels"],
    ["targetLabel", "target_label"],
    ["regex", "regex"],
    ["replacement", "replacement"],
  ]);
  const entries = Object.entries(asRecord(value) ?? {}).map(([name, content]) => {
    const word = words.get(name);
    if (word === undefined) throw new Error(`nothing is known of ${name} in a relabelling`);
    return [word, content];
  });
  return Object.fromEntries(entries);
}

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = asString(valueAt(value, ...path));
  if (found === undefined) throw new Error(`expected a text at ${path.join(".")}`);
  return found;
}
