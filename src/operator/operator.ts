/**
 * The operator as a whole, without a process around it: caches that are always warm, and reconcilers that run
 * while this instance leads. The simulation runs this very class.
 */

import type { ExperimentPhase } from "../api/experiment-status.ts";
import type { RolloutPhase } from "../api/model-rollout-status.ts";
import { sleep } from "../core/clock.ts";
import type { Random } from "../kube/backoff.ts";
import { Reconciler, type ReconcilerObserver, type ReconcilerOptions } from "../kube/reconciler.ts";
import { aborted } from "../process/aborted.ts";
import { AnomalyReadings } from "./anomaly-readings.ts";
import type { AskAnomalies } from "./ask-anomalies.ts";
import type { AskLoad } from "./ask-load.ts";
import { allCaches, type Caches, createCaches, keyOfRead, OPTIONAL_KINDS } from "./caches.ts";
import { type AddKey, addCounted, followChanges } from "./changed-keys.ts";
import { CollectorProblems } from "./collector-problems.ts";
import { type ConditionSeries, conditionSeries } from "./condition-metrics.ts";
import { type ShownDrill, shownDrills } from "./drill-metrics.ts";
import { experimentPhases } from "./experiment-metrics.ts";
import { type AskGate, GateAnswers } from "./gate-answers.ts";
import { LoadReadings } from "./load-readings.ts";
import { type AskProber, ProbeReadings } from "./probe-readings.ts";
import { proberAddress } from "./prober-address.ts";
import { countsAnswers } from "./projections/model-deployment.ts";
import { reconcileCollector } from "./reconcile-collector.ts";
import { type ReconcileContext, reconcileModelDeployment } from "./reconcile-model-deployment.ts";
import { reconcileRouters } from "./reconcile-routers.ts";
import { type LatestRelease, latestReleases } from "./release-metrics.ts";
import { startResync } from "./resync.ts";
import { rolloutPhases } from "./rollout-metrics.ts";
import { type ShownExperiment, shownExperiments } from "./shown-experiments.ts";

/** What an operator needs. */
export interface OperatorOptions
  extends Omit<
    ReconcileContext,
    "caches" | "gateAnswers" | "anomalyReadings" | "loadReadings" | "probeReadings" | "collectorProblems"
  > {
  readonly random: Random;
  /** Asks for the gates of releases; without it they wait. */
  readonly askGate?: AskGate;
  /** Asks collectors for alarms; without it nothing is known of any. */
  readonly askAnomalies?: AskAnomalies;
  /** Asks routers for the load of what scales; without it nothing is known of any. */
  readonly askLoad?: AskLoad;
  /** Asks probers of drills; without it no drill learns anything. */
  readonly askProber?: AskProber;
  /** Namespace of the ConfigMap that stops all drills; without it nothing does. */
  readonly drillSwitch?: string;
  /** The only namespaces that are looked at; all of them when absent. */
  readonly namespaces?: readonly string[];
  /** ModelDeployments that are reconciled at the same time. */
  readonly workers: number;
  /** Told about reconciles, by the name of the controller. */
  readonly observe?: (controller: string, workers: number) => ReconcilerObserver;
}

/** Names of the controllers, as metrics and logs know them. */
export const CONTROLLER = {
  modelDeployment: "modeldeployment",
  router: "router",
  collector: "collector",
} as const;

/** Routers and collectors change seldom: a few at a time are enough. */
const ROUTER_WORKERS = 2;
const COLLECTOR_WORKERS = 1;

/**
 * What changes little comes in crowds: the pods of a Deployment one by one, each child as it is made, then its
 * status. It is looked at once for all of them after so long. What decides about traffic is looked at at once.
 */
const CROWD_MILLISECONDS = 100;

/**
 * Each change of what the routers of a namespace mount replaces their pods. A delivery of many ModelDeployments takes
 * its seconds, and is to do that once.
 */
const DELIVERY_MILLISECONDS = 3_000;

/**
 * What is decided without having seen a kind that stands is told, and written again, though nothing changed. Where the cluster
 * does not know the kind at all, a start is later by so much.
 */
const OPTIONAL_KINDS_MILLISECONDS = 5_000;

const DELAY_MILLISECONDS = { Soon: CROWD_MILLISECONDS, AfterDelivery: DELIVERY_MILLISECONDS } as const;

/** Watches, and reconciles while it leads. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #caches: Caches;
  readonly #all: ReturnType<typeof allCaches>;
  readonly #awaited: ReturnType<typeof allCaches>;
  readonly #optional: ReturnType<typeof allCaches>;
  #endPatience = () => {};
  /** Resolves when kinds that the cluster may not know are not waited for any more. */
  readonly #patience = new Promise<void>((resolve) => {
    this.#endPatience = resolve;
  });
  readonly #unseen: Set<string>;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#caches = createCaches(options, options.settings.usesKeda);
    this.#all = allCaches(this.#caches);
    this.#awaited = new Map([...this.#all].filter(([kind]) => !OPTIONAL_KINDS.has(kind)));
    this.#optional = new Map([...this.#all].filter(([kind]) => OPTIONAL_KINDS.has(kind)));
    this.#unseen = new Set(this.#awaited.keys());
    for (const [kind, { synced }] of this.#awaited) void synced.then(() => this.#unseen.delete(kind));
  }

  /** What metrics show of it. */
  get figures(): {
    readonly cachedObjects: () => ReadonlyMap<string, number>;
    readonly unreadableModelDeployments: () => number;
    readonly conditions: () => Iterable<ConditionSeries>;
    readonly rolloutPhases: () => ReadonlyMap<RolloutPhase, number>;
    readonly experimentPhases: () => ReadonlyMap<ExperimentPhase, number>;
    readonly experiments: () => readonly ShownExperiment[];
    readonly drills: () => readonly ShownDrill[];
    readonly releases: () => readonly LatestRelease[];
  } {
    return {
      cachedObjects: () => new Map([...this.#all].map(([kind, { size }]) => [kind, size])),
      unreadableModelDeployments: () => this.#caches.modelDeployments.byIndex("unreadable", "").length,
      conditions: () => conditionSeries(this.#caches.modelDeployments.list()),
      rolloutPhases: () => rolloutPhases(this.#caches.rollouts.list()),
      experimentPhases: () => experimentPhases(this.#caches.experiments.list()),
      experiments: () => shownExperiments(this.#caches.experiments.list()),
      drills: () => shownDrills(this.#caches.drills.list()),
      releases: () => latestReleases(this.#caches.rollouts.list()),
    };
  }

  /** Keeps the caches up to date until the signal is aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    void sleep(this.#options.clock, OPTIONAL_KINDS_MILLISECONDS, signal).then(
      this.#endPatience,
      this.#endPatience,
    );
    await Promise.all([...this.#all.values()].map((cache) => cache.run(signal)));
  }

  /** Kinds of which not everything that exists has been seen yet; for good where the cluster does not know a kind. */
  get unseenKinds(): readonly string[] {
    return [...this.#unseen];
  }

  /** Resolves once everything that exists has been seen; kinds that the cluster may not know are waited for a moment. */
  async synced(): Promise<void> {
    const optional = [...this.#optional.values()].map(({ synced }) => Promise.race([synced, this.#patience]));
    await Promise.all([...[...this.#awaited.values()].map(({ synced }) => synced), ...optional]);
  }

  /**
   * Reconciles until told to end. `stop` lets the reconciles that run come to their end; `lost` ends them at
   * once, because another instance may write by now.
   */
  async lead(stop: AbortSignal, lost: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([stop, lost]);
    await Promise.race([this.synced(), aborted(ended)]);
    if (ended.aborted) return;
    const { askGate, askAnomalies, askLoad, askProber, clock, log } = this.#options;
    const gateAnswers =
      askGate === undefined
        ? undefined
        : new GateAnswers({ clock, ask: askGate, onAnswer: (key) => deployments.add(key) });
    const anomalyReadings =
      askAnomalies === undefined
        ? undefined
        : new AnomalyReadings({ clock, ask: askAnomalies, onChange: (key) => deployments.add(key) });
    const loadReadings =
      askLoad === undefined
        ? undefined
        : new LoadReadings({ clock, log, ask: askLoad, onAnswer: (key) => deployments.add(key) });
    const probeReadings =
      askProber === undefined
        ? undefined
        : new ProbeReadings({
            clock,
            ask: askProber,
            addressOf: (key, drill) => proberAddress(this.#caches, key, drill),
            onRecord: (key) => deployments.add(key),
          });
    const collectorProblems = new CollectorProblems((namespace) =>
      addCounted(namespace, this.#caches.modelDeployments, (key) => deployments.add(key)),
    );
    const context = {
      ...this.#options,
      caches: this.#caches,
      collectorProblems,
      ...(gateAnswers === undefined ? {} : { gateAnswers }),
      ...(anomalyReadings === undefined ? {} : { anomalyReadings }),
      ...(loadReadings === undefined ? {} : { loadReadings }),
      ...(probeReadings === undefined ? {} : { probeReadings }),
    } satisfies ReconcileContext;
    const deployments = this.#reconciler(
      CONTROLLER.modelDeployment,
      this.#options.workers,
      (key, signal, log) => reconcileModelDeployment({ ...context, log }, key, signal),
    );
    const routers = this.#reconciler(CONTROLLER.router, ROUTER_WORKERS, (namespace, signal, log) =>
      reconcileRouters({ ...context, log }, namespace, signal),
    );
    const collectors = this.#reconciler(CONTROLLER.collector, COLLECTOR_WORKERS, (namespace, signal, log) =>
      reconcileCollector({ ...context, log }, namespace, signal),
    );
    const addTo =
      (reconciler: Reconciler): AddKey =>
      (key, urgency) =>
        urgency === "Now" ? reconciler.add(key) : reconciler.addWithin(key, DELAY_MILLISECONDS[urgency]);
    const looks = {
      addDeployment: addTo(deployments),
      addRouters: addTo(routers),
      addCollector: addTo(collectors),
    };
    const unfollow = followChanges(this.#caches, looks);
    deployments.start();
    routers.start();
    collectors.start();
    const endResync = this.#startResync(deployments, routers, collectors);
    await aborted(ended);
    endResync();
    unfollow();
    const stopped = Promise.all([deployments.stop(), routers.stop(), collectors.stop()]);
    await Promise.race([stopped, aborted(lost)]);
    if (lost.aborted) {
      const reason = new Error("leadership is lost");
      await Promise.all([deployments.abort(reason), routers.abort(reason), collectors.abort(reason)]);
    }
    // Not before: the last reconcile of each ModelDeployment says what is asked for it.
    gateAnswers?.close();
    anomalyReadings?.close();
    loadReadings?.close();
    probeReadings?.close();
  }

  #startResync(deployments: Reconciler, routers: Reconciler, collectors: Reconciler): () => void {
    const { clock, random } = this.#options;
    return startResync({
      clock,
      random,
      askAll: (at) => {
        const reads = this.#caches.modelDeployments.list();
        for (const read of reads) deployments.wakeAt(keyOfRead(read), at());
        for (const namespace of new Set(reads.map((read) => read.namespace))) routers.wakeAt(namespace, at());
        const counted = reads.filter(countsAnswers);
        for (const namespace of new Set(counted.map((read) => read.namespace)))
          collectors.wakeAt(namespace, at());
      },
    });
  }

  #reconciler(name: string, workers: number, reconcile: ReconcilerOptions["reconcile"]): Reconciler {
    const { clock, random, log, observe } = this.#options;
    const observer = observe?.(name, workers);
    return new Reconciler({
      name,
      reconcile,
      workers,
      clock,
      random,
      log,
      ...(observer === undefined ? {} : { observer }),
    });
  }
}
