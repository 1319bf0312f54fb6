/**
 * The operator's metrics: those of its controllers, its requests, whether it leads, and what it holds.
 *
 * Only the metrics of conditions, releases, experiments and drills have names of objects in their labels.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ExperimentPhase } from "../api/experiment-status.ts";
import type { RolloutPhase } from "../api/model-rollout-status.ts";
import type { Clock } from "../core/clock.ts";
import type { RequestObserver } from "../kube/transport.ts";
import { countRequests } from "../process/request-metrics.ts";
import { type ConditionSeries, showConditions } from "./condition-metrics.ts";
import { createControllerMetrics, type ObserveController } from "./controller-metrics.ts";
import { type ShownDrill, showDrills } from "./drill-metrics.ts";
import { showExperimentPhases } from "./experiment-metrics.ts";
import { type LatestRelease, showReleases } from "./release-metrics.ts";
import { showRolloutPhases } from "./rollout-metrics.ts";
import { type ShownExperiment, showExperiments } from "./shown-experiments.ts";

/** All metrics of the operator. */
export interface OperatorMetrics {
  readonly registry: Registry;
  /** Watches one controller. */
  readonly observe: ObserveController;
  /** Counts requests to the API server. */
  readonly observeRequest: RequestObserver;
  /** Tells whether this instance leads. */
  setLeader(leads: boolean): void;
  /** Shows what is asked for at each scrape. */
  show(figures: OperatorFigures): void;
}

/** What is asked for at each scrape. */
export interface OperatorFigures {
  /** Objects in the caches, by kind. */
  readonly cachedObjects: () => ReadonlyMap<string, number>;
  /** ModelDeployments that do not fit the schema of this operator. */
  readonly unreadableModelDeployments: () => number;
  /** Every condition of every ModelDeployment; shown while this instance leads. */
  readonly conditions: () => Iterable<ConditionSeries>;
  /** ModelRollouts in each phase; shown while this instance leads. */
  readonly rolloutPhases: () => ReadonlyMap<RolloutPhase, number>;
  /** ModelExperiments in each phase; shown while this instance leads. */
  readonly experimentPhases: () => ReadonlyMap<ExperimentPhase, number>;
  /** One experiment of each ModelDeployment; shown while this instance leads. */
  readonly experiments: () => readonly ShownExperiment[];
  /** The FailoverDrills; shown while this instance leads. */
  readonly drills: () => readonly ShownDrill[];
  /** The latest release of each ModelDeployment; shown while this instance leads. */
  readonly releases: () => readonly LatestRelease[];
  /** Events that were not recorded since the start. */
  readonly droppedEvents: () => number;
}

/** What the metrics are made from. */
export interface OperatorMetricsOptions {
  /** The API server, with its port. */
  readonly host: string;
  /** Name of the Lease by which a leader is elected. */
  readonly lease: string;
  readonly clock: Clock;
}

/** Makes the metrics, in a registry of their own. */
export function createOperatorMetrics({ host, lease, clock }: OperatorMetricsOptions): OperatorMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const leader = new Gauge({
    name: "leader_election_master_status",
    help: "1 while this instance leads.",
    labelNames: ["name"],
    registers,
  });
  let isLeader = false;
  const setLeader = (leads: boolean) => {
    isLeader = leads;
    leader.set({ name: lease }, leads ? 1 : 0);
  };
  setLeader(false);
  return {
    registry,
    observe: createControllerMetrics(registry, clock),
    observeRequest: countRequests(registry, host),
    setLeader,
    show(figures) {
      showFigures(registry, figures);
      showConditions(registry, () => (isLeader ? figures.conditions() : []));
      showRolloutPhases(registry, () => (isLeader ? figures.rolloutPhases() : new Map()));
      showExperimentPhases(registry, () => (isLeader ? figures.experimentPhases() : new Map()));
      showExperiments(registry, () => (isLeader ? figures.experiments() : []));
      showDrills(registry, () => (isLeader ? figures.drills() : undefined));
      showReleases(registry, () => (isLeader ? figures.releases() : []));
    },
  };
}

function showFigures(registry: Registry, figures: OperatorFigures): void {
  const registers = [registry];
  new Gauge({
    name: "petrel_operator_cached_objects",
    help: "Objects that the operator holds in memory, by kind.",
    labelNames: ["kind"],
    registers,
    collect() {
      for (const [kind, count] of figures.cachedObjects()) this.set({ kind }, count);
    },
  });
  new Gauge({
    name: "petrel_operator_unreadable_model_deployments",
    help: "ModelDeployments that do not fit the schema of this operator, and are left as they are.",
    registers,
    collect() {
      this.set(figures.unreadableModelDeployments());
    },
  });
  new Counter({
    name: "petrel_operator_events_dropped_total",
    help: "Events that were not recorded: too many waited, or the API server refused them.",
    registers,
    collect() {
      this.reset();
      this.inc(figures.droppedEvents());
    },
  });
}
