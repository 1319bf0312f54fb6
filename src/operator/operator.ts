/**
 * The operator as a whole, without a process around it: caches that are always warm, and reconcilers that run
 * while this instance leads. The simulation runs this very class.
 *
 * Changes are turned into keys here, and only here. A key too many costs a look at the caches; a key too few
 * would be a change that nobody sees.
 */

import { COMPONENT, LABEL } from "../api/names.ts";
import type { Random } from "../kube/backoff.ts";
import type { CacheChange } from "../kube/cache.ts";
import { parseKey } from "../kube/object-key.ts";
import { Reconciler, type ReconcilerObserver } from "../kube/reconciler.ts";
import { allCaches, type Caches, createCaches, ownerKey } from "./caches.ts";
import type { ChildSummary } from "./projections/child.ts";
import type { ReadModelDeployment } from "./projections/model-deployment.ts";
import type { PodSummary } from "./projections/pod.ts";
import type { RouterReport } from "./projections/router-report.ts";
import { type ReconcileContext, reconcileModelDeployment } from "./reconcile-model-deployment.ts";
import { reconcileRouters } from "./reconcile-routers.ts";

/** What an operator needs. */
export interface OperatorOptions extends Omit<ReconcileContext, "caches"> {
  readonly random: Random;
  /** ModelDeployments that are reconciled at the same time. */
  readonly workers: number;
  /** Told about reconciles, by the name of the controller. */
  readonly observe?: (controller: string) => ReconcilerObserver;
}

/** Names of the controllers, as metrics and logs know them. */
export const CONTROLLER = { modelDeployment: "modeldeployment", router: "router" } as const;

/** Routers change seldom: a few at a time are enough. */
const ROUTER_WORKERS = 2;

/** Watches, and reconciles while it leads. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #caches: Caches;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#caches = createCaches(options);
  }

  /** Keeps the caches up to date until the signal is aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all(allCaches(this.#caches).map((cache) => cache.run(signal)));
  }

  /** Resolves once everything that exists has been seen. */
  async synced(): Promise<void> {
    await Promise.all(allCaches(this.#caches).map((cache) => cache.synced));
  }

  /**
   * Reconciles until told to end. `stop` lets the reconciles that run come to their end; `lost` ends them at
   * once, because another instance may write by now.
   */
  async lead(stop: AbortSignal, lost: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([stop, lost]);
    await Promise.race([this.synced(), aborted(ended)]);
    if (ended.aborted) return;
    const context: ReconcileContext = { ...this.#options, caches: this.#caches };
    const deployments = this.#reconciler(CONTROLLER.modelDeployment, this.#options.workers, (key, signal) =>
      reconcileModelDeployment(context, key, signal),
    );
    const routers = this.#reconciler(CONTROLLER.router, ROUTER_WORKERS, (namespace, signal) =>
      reconcileRouters(context, namespace, signal),
    );
    const unsubscribe = this.#subscribe(
      (key) => deployments.add(key),
      (namespace) => routers.add(namespace),
    );
    deployments.start();
    routers.start();
    await aborted(ended);
    unsubscribe();
    const stopped = Promise.all([deployments.stop(), routers.stop()]);
    await Promise.race([stopped, aborted(lost)]);
    if (!lost.aborted) return;
    const reason = new Error("leadership is lost");
    await Promise.all([deployments.abort(reason), routers.abort(reason)]);
  }

  #reconciler(
    name: string,
    workers: number,
    reconcile: (key: string, signal: AbortSignal) => Promise<{ readonly wakeAt?: number }>,
  ): Reconciler {
    const { clock, random, log, observe } = this.#options;
    const observer = observe?.(name);
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

  /** Turns every present object and every change into keys. */
  #subscribe(addDeployment: (key: string) => void, addRouters: (namespace: string) => void): () => void {
    const { modelDeployments, pods, routerReports, children } = this.#caches;

    const onDeployment = ({ key, before, after }: CacheChange<ReadModelDeployment>) => {
      addDeployment(key);
      const namespace = (after ?? before)?.namespace ?? "";
      if (before === undefined || after === undefined) addRouters(namespace);
      const port = after?.deployment?.status.traffic?.port;
      if (port === before?.deployment?.status.traffic?.port) return;
      // Two that chose the same port: the younger one has to see the older one.
      for (const { deployment } of modelDeployments.byIndex("namespace", namespace)) {
        if (deployment !== undefined && deployment.status.traffic?.port === port) {
          addDeployment(ownerKey(namespace, deployment.metadata.name));
        }
      }
    };
    const onPod = ({ before, after }: CacheChange<PodSummary>) => {
      const pod = after ?? before;
      if (pod === undefined) return;
      if (pod.modelDeployment !== undefined) addDeployment(ownerKey(pod.namespace, pod.modelDeployment));
      if (pod.component !== COMPONENT.router || isLive(before) === isLive(after)) return;
      // Who routes has changed for every ModelDeployment of the namespace.
      for (const { deployment } of modelDeployments.byIndex("namespace", pod.namespace)) {
        if (deployment !== undefined) addDeployment(ownerKey(pod.namespace, deployment.metadata.name));
      }
    };
    const onReport = ({ before, after }: CacheChange<RouterReport>) => {
      const report = after ?? before;
      if (report !== undefined) addDeployment(ownerKey(report.namespace, report.modelDeployment));
    };
    const onChild = ({ key, before, after }: CacheChange<ChildSummary>) => {
      const labels = (after ?? before)?.object.metadata.labels ?? {};
      const namespace = parseKey(key).namespace ?? "";
      const owner = labels[LABEL.modelDeployment];
      if (owner !== undefined) addDeployment(ownerKey(namespace, owner));
      if (labels[LABEL.component] === COMPONENT.router) addRouters(namespace);
    };

    for (const read of modelDeployments.list()) {
      addRouters(read.namespace);
      if (read.deployment !== undefined)
        addDeployment(ownerKey(read.namespace, read.deployment.metadata.name));
    }
    const subscriptions = [
      modelDeployments.subscribe(onDeployment),
      pods.subscribe(onPod),
      routerReports.subscribe(onReport),
    ];
    for (const cache of children.values()) {
      for (const { object } of cache.list()) {
        if (object.metadata.labels?.[LABEL.component] === COMPONENT.router) {
          addRouters(object.metadata.namespace ?? "");
        }
      }
      subscriptions.push(cache.subscribe(onChild));
    }
    return () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    };
  }
}

function isLive(pod: PodSummary | undefined): boolean {
  return pod?.observed.isReady === true && !pod.observed.isTerminating;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
