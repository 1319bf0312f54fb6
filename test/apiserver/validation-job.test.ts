/**
 * The Job of a validation on a real kube-apiserver with the Job controller: that both take it as it is rendered, in a
 * namespace that enforces restricted pods, and that the operator reads of them what became of it. No kubelet runs: the
 * test says how containers end.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { asList, asRecord, asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { decide } from "../../src/core/decide.ts";
import { projectChild } from "../../src/operator/projections/child.ts";
import { projectPod } from "../../src/operator/projections/pod.ts";
import { badReport, goodReport, VALIDATION } from "../fixtures/validations.ts";
import { model, servingWorld } from "../fixtures/world.ts";

const NAMESPACE = "shop";
const LIMIT_MILLISECONDS = 120_000;

let controlPlane: ControlPlane;

function kubectl(args: readonly string[], object?: unknown): Promise<string> {
  const input = object === undefined ? {} : { input: JSON.stringify(object) };
  return controlPlane.kubectl(["--namespace", NAMESPACE, ...args], input);
}

beforeAll(async () => {
  controlPlane = await startControlPlane({ controllerManager: true });
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await kubectl(["create", "-f", "-"], {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE, labels },
  });
  await kubectl(["create", "serviceaccount", "ranker-model-server"]);
}, 1_800_000);

afterAll(() => controlPlane?.stop());

/** The Job as the operator makes it, under a name of the test. Nobody owns it here, or it would be collected. */
async function start(name: string): Promise<void> {
  const world = servingWorld().edit({ validation: VALIDATION, model: model("v2") });
  const job = decide(world.observation()).apply.find(({ kind }) => kind === "Job");
  const { ownerReferences: _owner, ...metadata } = job?.metadata ?? { name };
  await kubectl(["create", "--validate=strict", "-f", "-"], { ...job, metadata: { ...metadata, name } });
}

async function items(kind: string, name: string): Promise<readonly KubeObject[]> {
  const selector =
    kind === "pods" ? ["--selector", `job-name=${name}`] : ["--field-selector", `metadata.name=${name}`];
  const list = JSON.parse(await kubectl(["get", kind, ...selector, "-o", "json"]));
  return asList(list.items) as readonly KubeObject[];
}

async function until<T>(ask: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await ask();
    if (holds(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function podOf(name: string): Promise<KubeObject> {
  const [pod] = await until(
    () => items("pods", name),
    (pods) => pods.length > 0,
  );
  if (pod === undefined) throw new Error("expected a pod");
  return pod;
}

/** As its kubelet would write it. */
async function end(pod: KubeObject, container: string, exitCode: number, message: string): Promise<void> {
  const now = new Date().toISOString();
  const terminated = { exitCode, reason: exitCode === 0 ? "Completed" : "Error", message, finishedAt: now };
  const field = container === "evaluate" ? "containerStatuses" : "initContainerStatuses";
  const state = {
    name: container,
    image: "petrel",
    imageID: "",
    ready: false,
    restartCount: 0,
    state: { terminated },
  };
  const status = { phase: exitCode === 0 ? "Succeeded" : "Failed", [field]: [state] };
  const patch = JSON.stringify({ status });
  await kubectl(["patch", "pod", pod.metadata.name, "--subresource=status", "--type=merge", "-p", patch]);
}

function jobEnd(name: string) {
  return until(
    async () => (await items("jobs", name)).map((job) => projectChild(job).jobEnd)[0],
    (found) => found !== undefined,
  );
}

test(
  "its pod is restricted, knows its Job, and completes it",
  async () => {
    await start("good");
    const pod = await podOf("good");
    expect(projectPod(pod)).toMatchObject({ modelDeployment: "ranker", validation: { job: "good" } });
    expect(
      asList(valueAt(pod, "spec", "initContainers")).map((one) => asString(valueAt(one, "name"))),
    ).toEqual(["fetch-candidate", "fetch-baseline", "fetch-data"]);
    await end(pod, "evaluate", 0, JSON.stringify(goodReport()));
    expect(await jobEnd("good")).toMatchObject({ type: "Complete", atMilliseconds: expect.any(Number) });
    expect(projectPod(await podOf("good")).validation).toEqual({ job: "good", report: goodReport() });
  },
  LIMIT_MILLISECONDS,
);

test(
  "a threshold that was not passed ends it at once, and its pod still tells",
  async () => {
    await start("bad");
    await end(await podOf("bad"), "evaluate", 1, JSON.stringify(badReport()));
    expect(await jobEnd("bad")).toMatchObject({ type: "Failed", reason: "PodFailurePolicy" });
    const pods = await items("pods", "bad");
    expect(pods.map((pod) => projectPod(pod).validation)).toEqual([{ job: "bad", report: badReport() }]);
  },
  LIMIT_MILLISECONDS,
);

test(
  "a fetch that failed is tried again in another pod",
  async () => {
    await start("unfetched");
    await end(await podOf("unfetched"), "fetch-data", 1, '{"message":"no such bucket"}');
    const pods = await until(
      () => items("pods", "unfetched"),
      (found) => found.length > 1,
    );
    expect(pods.map((pod) => projectPod(pod).validation)).toContainEqual({
      job: "unfetched",
      problem: "fetch-data: no such bucket",
    });
    const [job] = await items("jobs", "unfetched");
    expect(asRecord(valueAt(job, "spec"))).toMatchObject({ backoffLimit: 2, activeDeadlineSeconds: 3_600 });
    expect(projectChild(job ?? { apiVersion: "", kind: "", metadata: { name: "" } })).not.toHaveProperty(
      "jobEnd",
    );
  },
  LIMIT_MILLISECONDS,
);
