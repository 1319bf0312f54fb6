/**
 * Metrics of a router. Envoy has its own, on its own port; these tell what was asked of it and what it took.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import type { RequestObserver } from "../kube/transport.ts";
import { countRequests } from "../process/request-metrics.ts";
import type { ShipperFigures } from "./impression-shipper.ts";
import type { RouterStatus } from "./router.ts";

/** The metrics of one router. */
export interface RouterMetrics {
  readonly registry: Registry;
  readonly observeRequest: RequestObserver;
}

/** Makes the metrics; `status` is asked at each scrape. */
export function createRouterMetrics(host: string, status: () => RouterStatus): RouterMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "petrel_router_envoy_up",
    help: "1 while Envoy answers.",
    registers,
    collect() {
      this.set(status().state === "Down" ? 0 : 1);
    },
  });
  new Gauge({
    name: "petrel_router_wanted_epoch",
    help: "Epoch of the newest valid traffic plan.",
    labelNames: ["model_deployment"],
    registers,
    collect() {
      this.reset();
      for (const [name, { traffic }] of status().desired)
        this.set({ model_deployment: name }, traffic?.plan.epoch ?? 0);
    },
  });
  new Gauge({
    name: "petrel_router_acknowledged_epoch",
    help: "Epoch of the traffic plan that is in effect in Envoy; 0 for none.",
    labelNames: ["model_deployment"],
    registers,
    collect() {
      this.reset();
      for (const [name, { serving }] of status().acknowledgements) {
        this.set({ model_deployment: name }, serving?.epoch ?? 0);
      }
    },
  });
  new Gauge({
    name: "petrel_router_arm_weight_ratio",
    help: "Share of the requests of each arm in the traffic plan that is in effect in Envoy, with the arm's model revision.",
    labelNames: ["model_deployment", "arm", "model_revision"],
    registers,
    collect() {
      this.reset();
      for (const [model_deployment, { arms = [] }] of status().acknowledgements) {
        for (const { name: arm, weight, revision: model_revision } of arms)
          this.set({ model_deployment, arm, model_revision }, weight / FULL_WEIGHT);
      }
    },
  });
  new Gauge({
    name: "petrel_router_plan_rejected",
    help: "1 while the newest traffic plan is rejected.",
    labelNames: ["model_deployment"],
    registers,
    collect() {
      this.reset();
      for (const [name, { rejection }] of status().acknowledgements) {
        this.set({ model_deployment: name }, rejection === undefined ? 0 : 1);
      }
    },
  });
  new Gauge({
    name: "petrel_router_lost_peers",
    help: "Other routers of the namespace that do not answer any more.",
    registers,
    collect() {
      this.set(status().lostPeers.length);
    },
  });
  return { registry, observeRequest: countRequests(registry, host) };
}

const SHIPPING_COUNTERS: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (figures: ShipperFigures) => number;
}[] = [
  {
    name: "petrel_router_impressions_total",
    help: "Answers that the collector has taken.",
    value: ({ shipped }) => shipped,
  },
  {
    name: "petrel_router_impression_batches_total",
    help: "Batches that the collector has taken.",
    value: ({ batches }) => batches,
  },
  {
    name: "petrel_router_impression_losses_total",
    help: "Parts of the access log that were given up: too much waited, or they were refused.",
    value: ({ lost }) => lost,
  },
];

/** Shows how the access log gets to the collector; `figures` is asked at each scrape. */
export function showShipping(registry: Registry, figures: () => ShipperFigures): void {
  const registers = [registry];
  for (const { name, help, value } of SHIPPING_COUNTERS) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(figures()));
      },
    });
  }
  new Gauge({
    name: "petrel_router_impression_waiting_bytes",
    help: "Access log that waits for the collector.",
    registers,
    collect() {
      this.set(figures().waitingBytes);
    },
  });
}
