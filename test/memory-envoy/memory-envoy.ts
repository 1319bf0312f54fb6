/**
 * An Envoy in memory: takes and refuses configuration files as the real one was seen to do, and reports it in the
 * same way. The tests on the real Envoy (`test/apiserver/router-envoy.test.ts`) show the same behaviours.
 *
 * A file with a resource that cannot be read is refused whole; with one that cannot be used, in that part. Both
 * count one refusal, and the version stays that of the last file that was taken whole.
 */
import { asList, asRecord, asString, valueAt } from "../../src/api/json.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { ResourceFile } from "../../src/render/envoy/resource.ts";
import type { EnvoyAdministration } from "../../src/router/envoy-administration.ts";
import type { ConfigurationStore } from "../../src/router/envoy-control.ts";
import { type EnvoyReport, type FileReport, UNREAD } from "../../src/router/envoy-report.ts";
import type { KnownPlans } from "../../src/router/progress.ts";
import type { ConfigurationFiles } from "../../src/router/sequence.ts";

/** What is wrong with a resource, if anything. */
export type Fault = "Unreadable" | "Unusable" | undefined;

/** Envoy and its files. */
export class MemoryEnvoy implements EnvoyAdministration, ConfigurationStore {
  /** Whether the process runs. Files are kept while it does not. */
  isRunning = true;
  /** Judges a resource by its JSON. */
  faultOf: (resource: unknown) => Fault = () => undefined;
  /** How often clients were asked to go elsewhere. */
  drains = 0;
  /** Order of what was written, for tests of the order. */
  readonly written: string[] = [];
  #files: ConfigurationFiles | undefined;
  #plans: ReadonlyMap<string, KnownPlans<TrafficPlan>> = new Map();
  #clusters: Subscription = newSubscription();
  #listeners: Subscription = newSubscription();
  #warmsAtOnce = true;
  readonly #cold = new Set<string>();
  readonly #routes = new Map<string, Subscription>();
  readonly #endpoints = new Map<string, Subscription>();

  /** Whether new clusters get warm by themselves; otherwise they wait until they may. */
  get warmsAtOnce(): boolean {
    return this.#warmsAtOnce;
  }

  set warmsAtOnce(warmsAtOnce: boolean) {
    this.#warmsAtOnce = warmsAtOnce;
    if (warmsAtOnce) this.#cold.clear();
  }

  /** Names of clusters that may get requests. */
  get activeClusters(): ReadonlySet<string> {
    return new Set([...this.#clusters.resources.keys()].filter((name) => !this.#cold.has(name)));
  }

  /** Epoch that the routes in effect of a ModelDeployment tell the model servers; undefined without one. */
  routedEpoch(modelDeployment: string): number | undefined {
    const epoch = /"key":"x-petrel-epoch","value":"(\d+)"/.exec(this.routes(modelDeployment))?.[1];
    return epoch === undefined ? undefined : Number(epoch);
  }

  /** Clusters that the routes in effect of a ModelDeployment lead to. */
  routedClusters(modelDeployment: string): readonly string[] {
    const text = this.routes(modelDeployment);
    return [...text.matchAll(/"name":"([^"]*_(?:rest|grpc))"/g)].map(([, name = ""]) => name);
  }

  /** Names of the listeners that take connections. */
  get activeListeners(): ReadonlySet<string> {
    return new Set(this.#listeners.resources.keys());
  }

  /** Endpoints in effect of a cluster, as JSON. */
  endpointsOf(cluster: string): string {
    return JSON.stringify(this.#endpoints.get(cluster)?.resources.get(cluster) ?? {});
  }

  /** Dies and starts anew, from the files. It serves once all clusters are warm. */
  restart(): void {
    this.#clusters = newSubscription();
    this.#listeners = newSubscription();
    this.#routes.clear();
    this.#endpoints.clear();
    this.isRunning = true;
    if (this.#files !== undefined) this.#read(this.#files);
    this.#cold.clear();
  }

  async prepare(): Promise<void> {}

  async write(files: ConfigurationFiles): Promise<void> {
    this.#files = files;
    if (this.isRunning) this.#read(files);
  }

  async writeRoutes(routes: ReadonlyMap<string, ResourceFile>): Promise<void> {
    if (this.#files === undefined) throw new Error("there are no files yet");
    await this.write({ ...this.#files, routes: new Map([...this.#files.routes, ...routes]) });
  }

  async writePlans(plans: ReadonlyMap<string, KnownPlans<TrafficPlan>>): Promise<void> {
    this.#plans = new Map(plans);
  }

  async readPlans(): Promise<ReadonlyMap<string, KnownPlans<TrafficPlan>>> {
    return this.#plans;
  }

  async isReady(): Promise<boolean> {
    return this.isRunning;
  }

  async activeRequests(): Promise<number> {
    return 0;
  }

  async drain(): Promise<void> {
    this.drains += 1;
  }

  async report(): Promise<EnvoyReport> {
    if (!this.isRunning) throw new Error("connection refused");
    const reports = (subscriptions: ReadonlyMap<string, Subscription>) =>
      new Map<string, FileReport>([...subscriptions].map(([name, { report }]) => [name, report]));
    return {
      clusters: this.#clusters.report,
      listeners: this.#listeners.report,
      routes: reports(this.#routes),
      endpoints: reports(this.#endpoints),
      activeClusters: this.activeClusters,
      activeListeners: this.activeListeners,
      listenerErrors: this.#listeners.errors,
    };
  }

  /** Routes in effect of a ModelDeployment, as JSON. */
  routes(modelDeployment: string): string {
    return JSON.stringify(this.#routes.get(modelDeployment)?.resources.get(modelDeployment) ?? {});
  }

  #read(files: ConfigurationFiles): void {
    const take = (what: string, subscription: Subscription, file: ResourceFile | undefined): Subscription => {
      if (file === undefined || subscription.seen === file.version) return subscription;
      this.written.push(`${what} ${file.version}`);
      return read(subscription, file, this.faultOf);
    };
    const before = this.#clusters.resources;
    this.#clusters = take("clusters", this.#clusters, files.clusters);
    for (const name of this.#clusters.resources.keys()) {
      if (!before.has(name) && !this.#warmsAtOnce) this.#cold.add(name);
    }
    for (const cluster of this.#clusters.resources.keys()) {
      const before = this.#endpoints.get(cluster) ?? newSubscription();
      this.#endpoints.set(cluster, take(`endpoints ${cluster}`, before, files.endpoints.get(cluster)));
    }
    this.#listeners = take("listeners", this.#listeners, files.listeners);
    for (const listener of this.#listeners.resources.keys()) {
      const before = this.#routes.get(listener) ?? newSubscription();
      this.#routes.set(listener, take(`routes ${listener}`, before, files.routes.get(listener)));
    }
    for (const name of this.#routes.keys())
      if (!this.#listeners.resources.has(name)) this.#routes.delete(name);
    for (const name of this.#endpoints.keys())
      if (!this.#clusters.resources.has(name)) this.#endpoints.delete(name);
  }
}

/** One kind of file as Envoy keeps it. */
interface Subscription {
  readonly report: FileReport;
  /** By name. */
  readonly resources: ReadonlyMap<string, unknown>;
  readonly errors: ReadonlyMap<string, string>;
  /** Version of the last file that was read, taken or not. */
  readonly seen: string | undefined;
}

function newSubscription(): Subscription {
  return { report: UNREAD, resources: new Map(), errors: new Map(), seen: undefined };
}

function read(before: Subscription, file: ResourceFile, faultOf: (resource: unknown) => Fault): Subscription {
  const content: unknown = JSON.parse(file.content);
  const resources = asList(valueAt(content, "resources")).map((resource) => ({
    name: nameOf(resource),
    resource,
    fault: faultOf(resource),
  }));
  const refused = { version: before.report.version, refusals: before.report.refusals + 1 };
  if (resources.some(({ fault }) => fault === "Unreadable")) {
    return { ...before, report: refused, errors: new Map(), seen: file.version };
  }
  const unusable = resources.filter(({ fault }) => fault === "Unusable");
  const kept = unusable.flatMap(({ name }) => {
    const old = before.resources.get(name);
    return old === undefined ? [] : [[name, old] as const];
  });
  const usable = resources.filter(({ fault }) => fault === undefined);
  return {
    report: unusable.length > 0 ? refused : { ...before.report, version: file.version },
    resources: new Map([...kept, ...usable.map(({ name, resource }) => [name, resource] as const)]),
    errors: new Map(unusable.map(({ name }) => [name, "cannot be used"])),
    seen: file.version,
  };
}

function nameOf(resource: unknown): string {
  const record = asRecord(resource) ?? {};
  return asString(record["name"]) ?? asString(record["cluster_name"]) ?? "";
}
