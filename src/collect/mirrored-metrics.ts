/**
 * What Prometheus sees of requests and their copies.
 */
import { Counter, type Registry } from "prom-client";
import type { MirroredPairs } from "./mirrored-pairs.ts";

/** Registers them; the pairs are asked at each scrape. */
export function registerMirroredMetrics(registry: Registry, pairs: MirroredPairs): void {
  new Counter({
    name: "petrel_collect_mirrored_total",
    help: "Reports of mirrored requests, by what became of them; a request and its copy that were found together count once.",
    labelNames: ["result"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [result, count] of Object.entries(pairs.results)) this.inc({ result }, count);
    },
  });
}
