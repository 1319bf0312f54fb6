/**
 * Metrics that are read from sums when somebody asks: prom-client's own counting hashes the labels of each observation,
 * which costs more than all the rest of it.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** One series: its labels and its value. */
export interface ShownValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A histogram's series: counts of each bucket and of what is beyond all. */
export interface ShownHistogram {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly edges: readonly number[];
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

const KINDS = { counter: Counter, gauge: Gauge } as const;

/** Adds a counter or gauge whose series are read at each scrape. */
export function showValues(
  registry: Registry,
  kind: keyof typeof KINDS,
  name: string,
  help: string,
  read: () => Iterable<ShownValue>,
): void {
  const described = new KINDS[kind]({ name, help, registers: [] });
  const shown = new Gauge({ name, help, registers: [] });
  shown.get = async () => ({
    ...(await described.get()),
    values: [...read()].map(({ labels, value }) => ({ labels, value })),
  });
  registry.registerMetric(shown);
}

/** Adds a histogram whose series are read at each scrape. */
export function showHistograms(
  registry: Registry,
  name: string,
  help: string,
  read: () => Iterable<ShownHistogram>,
): void {
  const described = new Histogram({ name, help, registers: [] });
  const shown = new Gauge({ name, help, registers: [] });
  shown.get = async () => {
    const values = [...read()].flatMap(({ labels, edges, counts, sum }) => {
      let count = 0;
      const buckets = [...edges, "+Inf"].map((le, bucket) => {
        count += counts[bucket] ?? 0;
        return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return { ...(await described.get()), values };
  };
  registry.registerMetric(shown);
}
