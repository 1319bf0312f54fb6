/**
 * What the operator costs on a real kube-apiserver with etcd and kube-controller-manager, without nodes: CPU time and
 * requests for each ModelDeployment until there is nothing left to write, memory, idle, the time until a change is
 * acted on, and what a restart and a kill cost. Its own count of requests is checked against the audit log.
 *
 * The figures are those of the machine; what it says of requests is not. Ends with 1 when a bar is missed.
 * Run as root: node bench/operator.ts [SIZE...]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { type ControlPlane, startControlPlane } from "../e2e/cluster/index.ts";
import { customResourceDefinition } from "../src/api/crd.ts";
import { asList, valueAt } from "../src/api/json.ts";
import { RESOURCE } from "../src/api/kube-resources.ts";
import { modelDeploymentKind } from "../src/api/model-deployment.ts";
import { modelRolloutKind } from "../src/api/model-rollout.ts";
import { LABEL, MANAGED_BY } from "../src/api/names.ts";
import { systemClock } from "../src/core/clock.ts";
import { loadEndpoint } from "../src/kube/endpoint.ts";
import { createTransport, type Transport } from "../src/kube/transport.ts";
import { freePort } from "../test/apiserver/router-envoy/envoy-process.ts";
import { machine } from "./machine.ts";
import { AuditLog, auditFlags, total, withoutLease } from "./operator/audit-log.ts";
import { Fleet, inParallel } from "./operator/fleet.ts";
import {
  build,
  countedApplies,
  countedRequests,
  OperatorProcess,
  type SignIn,
  sum,
} from "./operator/operator-process.ts";

const DEFAULT_SIZES = [200, 1_000, 5_000];
const NAMESPACE = "petrel-system";
const ACCOUNT = "petrel-operator";
const SETTLED_QUIET_MILLISECONDS = 5_000;
const SETTLE_TIMEOUT_MILLISECONDS = 45 * 60_000;
const IDLE_MILLISECONDS = 60_000;
const CHANGES = 200;
const CHANGE_TIMEOUT_MILLISECONDS = 30_000;
const CHANGES_WHILE_DOWN = 50;
const CATCH_UP_TIMEOUT_MILLISECONDS = 180_000;

/**
 * Between two looks at whether all is settled. Each costs the operator a metrics page, which counts as its own CPU
 * time.
 */
const LOOK_MILLISECONDS = 1_000;
/** What other operators of the field took for each object of theirs, measured once on a machine like this. */
const REFERENCES =
  "Argo Rollouts: 13 requests, 20 ms; KServe: 32 requests, 32 ms, 9.6 requests at each restart";

/** What the operator is held to. */
const BAR = {
  requestsBeyondChildren: 4,
  memoryMebibytes: 512,
  changeMilliseconds: 1_000,
  catchUpMilliseconds: 60_000,
} as const;

const missed: string[] = [];

function say(what: string, value: string, bar?: { readonly holds: boolean; readonly text: string }): void {
  const verdict = bar === undefined ? "" : ` (${bar.holds ? "holds" : "MISSED"}: ${bar.text})`;
  if (bar?.holds === false) missed.push(what);
  console.log(`  ${what}: ${value}${verdict}`);
}

/** Everything that a measurement needs. */
class Bench {
  readonly #folder: string;
  readonly #controlPlane: ControlPlane;
  readonly #audit: AuditLog;
  readonly #transport: Transport;
  readonly #port: number;
  readonly fleet: Fleet;
  #operator: OperatorProcess | undefined;

  private constructor(
    folder: string,
    controlPlane: ControlPlane,
    audit: AuditLog,
    transport: Transport,
    port: number,
  ) {
    this.#folder = folder;
    this.#controlPlane = controlPlane;
    this.#audit = audit;
    this.#transport = transport;
    this.#port = port;
    this.fleet = new Fleet(transport);
  }

  static async start(folder: string): Promise<Bench> {
    const { flags, file } = auditFlags(folder, `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`);
    const controlPlane = await startControlPlane({
      controllerManager: true,
      apiserverFlags: flags,
      // Its usual 20 requests a second would make the pods of 5,000 Deployments the longest part by far.
      controllerManagerFlags: ["--kube-api-qps=1000", "--kube-api-burst=1000"],
      progress: (line) => console.error(line),
    });
    const endpoint = await loadEndpoint({
      clock: systemClock,
      environment: {},
      kubeconfig: controlPlane.kubeconfig,
    });
    const bounds = { rateLimit: { callsPerSecond: 1_000, burst: 1_000 }, callTimeoutMilliseconds: 60_000 };
    const transport = createTransport({ endpoint, clock: systemClock, userAgent: "petrel-bench", bounds });
    const bench = new Bench(folder, controlPlane, new AuditLog(file), transport, await freePort());
    const { kubectl } = controlPlane;
    for (const kind of [modelDeploymentKind, modelRolloutKind]) {
      const input = JSON.stringify(customResourceDefinition(kind));
      await kubectl(["apply", "--server-side", "-f", "-"], { input });
    }
    await kubectl(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    await kubectl(["create", "namespace", NAMESPACE]);
    await kubectl(["create", "serviceaccount", ACCOUNT, "-n", NAMESPACE]);
    await kubectl(["create", "clusterrole", "petrel-router", "--verb=get", "--resource=pods"]);
    const binding = ["create", "clusterrolebinding", "bench", "--clusterrole=cluster-admin"];
    await kubectl([...binding, `--serviceaccount=${NAMESPACE}:${ACCOUNT}`]);
    await bench.fleet.watch();
    return bench;
  }

  get operator(): OperatorProcess {
    if (this.#operator === undefined) throw new Error("the operator does not run");
    return this.#operator;
  }

  async startOperator(): Promise<void> {
    const token = await this.#controlPlane.kubectl([
      ...["create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=24h"],
    ]);
    this.#operator = new OperatorProcess(this.#folder, this.#signIn(token), this.#port);
    await this.#operator.leads();
  }

  async stop(): Promise<void> {
    this.fleet.close();
    this.#transport.close();
    await this.#operator?.kill();
    await this.#controlPlane.stop();
  }

  #signIn(token: string): SignIn {
    const kubeconfig: unknown = parse(readFileSync(this.#controlPlane.kubeconfig, "utf8"));
    const [cluster] = asList(valueAt(kubeconfig, "clusters"));
    const authority = readFileSync(String(valueAt(cluster, "cluster", "certificate-authority")), "utf8");
    return {
      server: new URL(this.#controlPlane.server),
      token: token.trim(),
      authority,
      namespace: NAMESPACE,
    };
  }

  async versions(): Promise<string> {
    const version: unknown = JSON.parse(await this.#controlPlane.kubectl(["version", "-o", "json"]));
    return String(valueAt(version, "serverVersion", "gitVersion"));
  }

  /** Resolves when every ModelDeployment is settled and the operator has written nothing for a while. */
  async untilSettled(): Promise<void> {
    const deadline = performance.now() + SETTLE_TIMEOUT_MILLISECONDS;
    let quietSince = performance.now();
    let before = -1;
    while (performance.now() < deadline) {
      const metrics = await this.operator.metrics();
      // Looks go on: ten minutes after a Deployment was made its controller says that it makes no progress.
      const writes = countedApplies(metrics);
      const isBusy = sum(metrics, "workqueue_depth") > 0 || writes !== before;
      if (isBusy || this.fleet.settledCount() < this.fleet.size) quietSince = performance.now();
      if (performance.now() - quietSince > SETTLED_QUIET_MILLISECONDS) return;
      before = writes;
      await sleep(LOOK_MILLISECONDS);
    }
    throw new Error(`${this.fleet.settledCount()} of ${this.fleet.size} are settled`);
  }

  /** Objects that the operator has made for ModelDeployments. */
  async childCount(): Promise<number> {
    const labelSelector = `${LABEL.managedBy}=${MANAGED_BY},${LABEL.modelDeployment}`;
    let count = 0;
    for (const resource of Object.values(RESOURCE)) {
      if ([RESOURCE.pod, RESOURCE.event, RESOURCE.lease].some(({ kind }) => kind === resource.kind)) continue;
      const { items } = await this.#transport.list(resource, { labelSelector });
      // The controllers of the cluster make objects with the same labels of their own (EndpointSlices, say).
      count += items.filter(
        ({ metadata }) => metadata.ownerReferences?.[0]?.kind === "ModelDeployment",
      ).length;
    }
    return count;
  }

  async createNamespaces(from: number, to: number): Promise<void> {
    const names = new Set(
      Array.from({ length: to - from }, (_, index) => this.fleet.namespaceOf(from + index)),
    );
    if (from > 0) names.delete(this.fleet.namespaceOf(from - 1));
    const items = [...names].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    // Validation would fetch the whole OpenAPI document, which a busy machine does not compute within its time.
    await this.#controlPlane.kubectl(["apply", "--server-side", "--validate=false", "-f", "-"], { input });
  }

  readAudit() {
    return this.#audit.read();
  }
}

async function measureGrowth(bench: Bench, size: number): Promise<void> {
  const from = bench.fleet.size;
  const added = size - from;
  await bench.createNamespaces(from, size);
  const childrenBefore = await bench.childCount();
  const before = await bench.operator.metrics();
  const cpuBefore = bench.operator.cpuMilliseconds();
  bench.readAudit();
  const startedAt = performance.now();
  await bench.fleet.grow(size);
  await bench.untilSettled();
  const seconds = (performance.now() - startedAt - SETTLED_QUIET_MILLISECONDS) / 1_000;
  const cpu = bench.operator.cpuMilliseconds() - cpuBefore;
  const audit = bench.readAudit();
  const after = await bench.operator.metrics();
  const counted = countedRequests(after) - countedRequests(before);
  const reconciles = sum(after, "controller_runtime_reconcile_total");
  const children = ((await bench.childCount()) - childrenBefore) / added;
  const requests = withoutLease(audit) / added;
  const { now, peak } = bench.operator.memoryMebibytes();

  console.log(`\n${size} ModelDeployments (${added} new, settled in ${seconds.toFixed(0)} s)`);
  say("CPU", `${(cpu / added).toFixed(2)} ms each (${REFERENCES})`);
  say("requests", `${requests.toFixed(2)} each, for ${children.toFixed(2)} children each`, {
    holds: requests <= children + BAR.requestsBeyondChildren,
    text: `at most children + ${BAR.requestsBeyondChildren}`,
  });
  for (const [what, count] of [...audit].sort(([, left], [, right]) => right - left)) {
    console.log(`    ${what}: ${(count / added).toFixed(2)} each`);
  }
  say("counted by the operator itself", `${counted}; by the audit log, ${total(audit)}`, {
    // The two are not read in the same moment: the leader election goes on in between.
    holds: Math.abs(counted - total(audit)) <= 10,
    text: "the same but for 10",
  });
  say(
    "reconciles",
    `${((reconciles - sum(before, "controller_runtime_reconcile_total")) / added).toFixed(2)} each`,
  );
  say("memory", `${now.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`, {
    holds: peak < BAR.memoryMebibytes,
    text: `under ${BAR.memoryMebibytes} MiB`,
  });
  say("heap", `${(sum(after, "nodejs_heap_size_used_bytes") / 2 ** 20).toFixed(0)} MiB`);
}

async function measureIdle(bench: Bench): Promise<void> {
  bench.readAudit();
  const cpuBefore = bench.operator.cpuMilliseconds();
  await sleep(IDLE_MILLISECONDS);
  const audit = bench.readAudit();
  const cpu = (bench.operator.cpuMilliseconds() - cpuBefore) / IDLE_MILLISECONDS;
  console.log(`\nidle for ${IDLE_MILLISECONDS / 1_000} s with ${bench.fleet.size}`);
  say("requests", `${total(audit)}, ${withoutLease(audit)} of them not for the lease`, {
    holds: withoutLease(audit) === 0,
    text: "the lease alone",
  });
  say("CPU", `${(cpu * 100).toFixed(2)} % of one core`);
}

async function measureChanges(bench: Bench): Promise<void> {
  const times: number[] = [];
  // Each is changed once: a second change to the same would find nothing to do.
  const count = Math.min(CHANGES, bench.fleet.size);
  for (let change = 0; change < count; change += 1) {
    const index = Math.floor((change / count) * bench.fleet.size);
    times.push(await bench.fleet.change(index, 2, CHANGE_TIMEOUT_MILLISECONDS));
    await sleep(50);
  }
  times.sort((left, right) => left - right);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  console.log(`\n${count} changes while ${bench.fleet.size} stand`);
  const figures = `p50 ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms, at most ${at(1).toFixed(0)} ms`;
  say("from the write to the replicas of the Deployment", figures, {
    holds: at(0.99) <= BAR.changeMilliseconds,
    text: `p99 at most ${BAR.changeMilliseconds} ms`,
  });
}

async function measureRestart(bench: Bench): Promise<void> {
  await bench.operator.kill();
  bench.readAudit();
  const startedAt = performance.now();
  await bench.startOperator();
  await bench.untilSettled();
  const seconds = (performance.now() - startedAt - SETTLED_QUIET_MILLISECONDS) / 1_000;
  const audit = bench.readAudit();
  console.log(`\nkilled and started again with ${bench.fleet.size}, nothing having changed`);
  say("requests", `${withoutLease(audit)} (watches and the lease apart)`, {
    holds: withoutLease(audit) === 0,
    text: "none an object",
  });
  say(
    "CPU",
    `${(bench.operator.cpuMilliseconds() / 1_000).toFixed(1)} s, all looked at after ${seconds.toFixed(0)} s`,
  );
  say("memory", `at most ${bench.operator.memoryMebibytes().peak.toFixed(0)} MiB`, {
    holds: bench.operator.memoryMebibytes().peak < BAR.memoryMebibytes,
    text: `under ${BAR.memoryMebibytes} MiB`,
  });
}

async function measureKill(bench: Bench): Promise<void> {
  await bench.operator.kill();
  const killedAt = performance.now();
  const count = Math.min(CHANGES_WHILE_DOWN, bench.fleet.size);
  const indexOf = (change: number) => Math.floor((change / count) * bench.fleet.size);
  await inParallel(count, (change) => bench.fleet.write(indexOf(change), 3));
  await bench.startOperator();
  await inParallel(count, (change) =>
    bench.fleet.untilFollowed(indexOf(change), 3, CATCH_UP_TIMEOUT_MILLISECONDS),
  );
  const milliseconds = performance.now() - killedAt;
  console.log(`\nkilled with ${bench.fleet.size}, ${count} of them changed meanwhile`);
  say("caught up", `${(milliseconds / 1_000).toFixed(1)} s after the kill, the old lease waited for`, {
    holds: milliseconds <= BAR.catchUpMilliseconds,
    text: `at most ${BAR.catchUpMilliseconds / 1_000} s`,
  });
}

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : DEFAULT_SIZES;
if (!sizes.every((size) => Number.isInteger(size) && size > 0)) {
  throw new Error(`expected numbers of ModelDeployments, got ${process.argv.slice(2).join(" ")}`);
}
const [load] = loadavg();
build();
const folder = mkdtempSync(join(tmpdir(), "petrel-bench-"));
const bench = await Bench.start(folder);
try {
  console.log(`${machine()}; Node ${process.version}, Kubernetes ${await bench.versions()}`);
  console.log(`load average of the machine before: ${load?.toFixed(1)}`);
  await bench.startOperator();
  for (const size of sizes.toSorted((left, right) => left - right)) await measureGrowth(bench, size);
  await measureIdle(bench);
  await measureRestart(bench);
  await measureChanges(bench);
  await measureKill(bench);
  console.log(missed.length === 0 ? "\nevery bar holds" : `\nmissed: ${missed.join(", ")}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
} finally {
  await bench.stop();
  rmSync(folder, { recursive: true, force: true });
}
