/**
 * An upgrade from an earlier commit's chart and image to this tree's, under load: operators and routers are
 * replaced and the CRDs brought up to date, no request fails, and no model server is restarted.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { type Cluster, envoyImage, petrelImage, startCluster } from "./cluster/index.ts";
import { commitObstacle, extractCommit } from "./earlier-tree.ts";
import { plainDeployment } from "./example-models.ts";
import { applyChart, chart, OPERATOR_NAMESPACE } from "./installation.ts";
import { clusterIsLocal, Scenario } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

/** The first commit of main that ran end to end. */
const EARLIER = "5043ff0e82cc";
const NAME = "ranker";
const MODEL_DEPLOYMENTS = "modeldeployments.petrel.dev";
const obstacle = clusterIsLocal
  ? commitObstacle(EARLIER)
  : "it needs a cluster of its own, and a given one stays as it is";
const testWhereItCan = obstacle === undefined ? test : test.skip;
const title = "an upgrade under load fails no request and restarts no model server";

let cluster: Cluster | undefined;
let earlier: string;
let images: { readonly petrel: string; readonly envoy: string };

beforeAll(async () => {
  if (obstacle !== undefined) return;
  earlier = mkdtempSync(join(tmpdir(), "petrel-earlier-"));
  await extractCommit(EARLIER, earlier);
  const progress = (line: string) => console.error(line);
  const before = await petrelImage(progress, earlier, "petrel-earlier");
  const now = await petrelImage(progress);
  const envoy = await envoyImage(progress);
  const name = `upgrade-${randomBytes(3).toString("hex")}`;
  cluster = await startCluster({ name, nodes: 2, progress });
  for (const { archive } of [before, now, envoy]) await cluster.loadImage(archive);
  images = { petrel: now.name, envoy: envoy.name };
  await applyChart(cluster, join(earlier, "charts/petrel"), { petrel: before.name, envoy: envoy.name });
}, 1_200_000);

afterAll(async () => {
  await cluster?.stop();
  if (earlier !== undefined) rmSync(earlier, { recursive: true, force: true });
}, 120_000);

interface RunningPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly initContainers: readonly { readonly image: string }[];
  };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

async function podsOf(scenario: Scenario, component: string): Promise<readonly RunningPod[]> {
  const selector = `petrel.dev/component=${component}`;
  return JSON.parse(await scenario.kubectl("get", "pods", "-l", selector, "-o", "json")).items;
}

/** Uid of each model server's pod, with the number of restarts of its containers. */
async function startsOf(scenario: Scenario): Promise<readonly string[]> {
  const pods = await podsOf(scenario, "model-server");
  return pods
    .map(({ metadata, status }) => [
      metadata.uid,
      ...(status.containerStatuses ?? []).map(({ restartCount }) => restartCount),
    ])
    .map((parts) => parts.join(" "))
    .toSorted();
}

function isReadyAndStays({ metadata, status }: RunningPod): boolean {
  const isReady = status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
  return isReady === true && metadata.deletionTimestamp === undefined;
}

/** The schema that the API server works by, and that of this tree. */
async function schemas(of: Cluster): Promise<{ readonly served: unknown; readonly wanted: unknown }> {
  const served = JSON.parse(await of.kubectl(["get", "crd", MODEL_DEPLOYMENTS, "-o", "json"]));
  const wanted = parse(readFileSync(join(chart, "../../crds/petrel.dev_modeldeployments.yaml"), "utf8"));
  return { served: served.spec.versions[0].schema, wanted: wanted.spec.versions[0].schema };
}

testWhereItCan(
  obstacle === undefined ? title : `${title} (${obstacle})`,
  async () => {
    if (cluster === undefined) throw new Error("the cluster did not start");
    const scenario = await Scenario.create(cluster, "upgrade");
    await scenario.apply(plainDeployment(NAME));
    await scenario.waitFor(NAME, "Ready");
    const formerRouters = (await podsOf(scenario, "router")).map(({ metadata }) => metadata.uid);
    const formerOperators = await operatorUids(cluster);
    const formerModels = await startsOf(scenario);

    const upgraded = cluster;
    const report = await underLoad(scenario, NAME, async () => {
      await delay(2_000);
      await applyChart(upgraded, chart, images);
      await scenario.until(
        "new routers alone, all of them ready",
        () => podsOf(scenario, "router"),
        (pods) =>
          pods.length === 2 &&
          pods.every(isReadyAndStays) &&
          pods.every(({ metadata, spec }) => {
            const isNew = !formerRouters.includes(metadata.uid);
            return isNew && spec.initContainers[0]?.image === images.petrel;
          }),
        240,
      );
      await scenario.waitFor(NAME, "Ready");
      await delay(3_000);
    });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(500);
    expect(formerOperators).toHaveLength(2);
    for (const uid of await operatorUids(cluster)) expect(formerOperators).not.toContain(uid);
    const nodes = new Set((await podsOf(scenario, "router")).map(({ spec }) => spec.nodeName));
    expect(nodes.size).toBe(2);
    expect(formerModels).toHaveLength(2);
    expect(await startsOf(scenario)).toEqual(formerModels);
    const { served, wanted } = await schemas(cluster);
    expect(served).toEqual(wanted);
  },
  600_000,
);

async function operatorUids(of: Cluster): Promise<readonly string[]> {
  const selector = "app.kubernetes.io/component=operator";
  const pods = ["get", "pods", "-n", OPERATOR_NAMESPACE, "-l", selector, "-o", "json"];
  const { items } = JSON.parse(await of.kubectl(pods));
  const staying = items.filter(({ metadata }: RunningPod) => metadata.deletionTimestamp === undefined);
  return staying.map(({ metadata }: RunningPod) => metadata.uid);
}
