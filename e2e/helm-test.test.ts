/**
 * `helm test` tells a working installation from one that does not work.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster/index.ts";
import { helm, OPERATOR_NAMESPACE, RELEASE } from "./installation.ts";
import { clusterIsLocal, sharedCluster } from "./scenario.ts";

const OPERATOR = ["-n", OPERATOR_NAMESPACE, "deployment/petrel-operator"];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await sharedCluster();
}, 60_000);

function helmTest(): Promise<string> {
  return helm(cluster, ["test", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--timeout", "150s", "--logs"]);
}

/** Asks for so many operators and waits until no other pod of them is left. */
async function scaleOperator(replicas: number): Promise<void> {
  await cluster.kubectl(["scale", ...OPERATOR, `--replicas=${replicas}`]);
  const pods = ["get", "pods", "-n", OPERATOR_NAMESPACE, "-l", "app.kubernetes.io/component=operator"];
  const deadline = performance.now() + 60_000;
  for (;;) {
    const names = (await cluster.kubectl([...pods, "-o", "name"])).trim().split("\n");
    if (names.length === replicas) return;
    if (performance.now() > deadline)
      throw new Error(`expected ${replicas} operators, got ${names.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

test("it says what it has tried, and leaves nothing", async () => {
  const output = await helmTest();
  expect(output).toContain("Succeeded");
  const left = ["get", "pods,roles,serviceaccounts", "-n", OPERATOR_NAMESPACE, "-o", "name"];
  expect(await cluster.kubectl([...left, "-l", "app.kubernetes.io/component=test"])).toBe("");
}, 180_000);

// A cluster that was given keeps its operators.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "it fails while an operator is missing",
  async () => {
    await scaleOperator(1);
    await expect(helmTest()).rejects.toThrow(/petrel-test/);
    const said = await cluster.kubectl(["logs", "-n", OPERATOR_NAMESPACE, "petrel-test"]);
    expect(said).toContain("expected 2 operators, found 1");
  },
  180_000,
);

afterAll(async () => {
  if (!clusterIsLocal) return;
  await scaleOperator(2);
  await cluster.kubectl(["rollout", "status", ...OPERATOR, "--timeout=60s"], { timeoutMilliseconds: 70_000 });
}, 120_000);
