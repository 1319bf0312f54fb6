/**
 * Metrics of a router. Envoy has its own, on its own port; these tell what was asked of it and what it took.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { RequestObserver } from "../kube/transport.ts";
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
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Requests to the Kubernetes API, by status code (0: no answer) and method.",
    labelNames: ["code", "method", "host"],
    registers,
  });
  return {
    registry,
    observeRequest: ({ method, status: code }) => requests.inc({ code, method, host }),
  };
}
