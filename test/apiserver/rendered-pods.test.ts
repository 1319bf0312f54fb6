/**
 * The pods of the golden files on a real kube-apiserver, in a namespace that enforces the Pod Security Standard
 * *restricted*: it knows every field of them, and lets them in.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { asList, asRecord, type JsonRecord, valueAt } from "../../src/api/json.ts";

// Each question to the API server takes moments, and many on a machine that is busy with something else.
jest.setTimeout(60_000);

const NAMESPACE = "shop";
const folder = join(import.meta.dirname, "../golden/kubernetes");
const files = globSync("*.yaml", { cwd: folder })
  .toSorted()
  .filter((file) => templateIn(file) !== undefined);

function specIn(file: string): unknown {
  return valueAt(parse(readFileSync(join(folder, file), "utf8")), "spec");
}

function templateIn(file: string): JsonRecord | undefined {
  return asRecord(valueAt(specIn(file), "template"));
}

/**
 * The spec of the pods, without the classes that the user's cluster has and that of the test has not, and with the
 * volumes that a StatefulSet adds.
 */
function podSpecOf(file: string): JsonRecord {
  const {
    priorityClassName: _priority,
    runtimeClassName: _runtime,
    volumes,
    ...rest
  } = asRecord(valueAt(templateIn(file), "spec")) ?? {};
  const claims = asList(valueAt(specIn(file), "volumeClaimTemplates")).map((claim) => {
    const name = valueAt(claim, "metadata", "name");
    return { name, persistentVolumeClaim: { claimName: name } };
  });
  return { ...rest, volumes: [...asList(volumes), ...claims] };
}

/** Its containers, and whether those that begin it stay. */
function containersOf(spec: unknown): readonly (readonly unknown[])[] {
  return ["initContainers", "containers"]
    .flatMap((list) => asList(valueAt(spec, list)))
    .map((container) => [valueAt(container, "name"), valueAt(container, "restartPolicy")]);
}

let controlPlane: ControlPlane;

beforeAll(async () => {
  // A dry run stores nothing, so the account of a pod is not there to be found.
  controlPlane = await startControlPlane({ apiserverFlags: ["--disable-admission-plugins=ServiceAccount"] });
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } };
  await controlPlane.kubectl(["create", "-f", "-"], { input: JSON.stringify(namespace) });
}, 1_800_000);

afterAll(() => controlPlane?.stop());

function create(template: JsonRecord, podSpec: JsonRecord): Promise<string> {
  const metadata = { ...asRecord(valueAt(template, "metadata")), name: "a", namespace: NAMESPACE };
  const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: podSpec };
  return controlPlane.kubectl(["create", "--dry-run=server", "--validate=strict", "-f", "-", "-o", "json"], {
    input: JSON.stringify(pod),
  });
}

test("there are pods of model servers, routers and collectors, with a sidecar and without", () => {
  for (const file of ["model-servers.yaml", "model-servers-observed.yaml", "router.yaml", "collector.yaml"]) {
    expect(files).toContain(file);
  }
});

test.each(files)("%s", async (file) => {
  const template = templateIn(file) ?? {};
  const spec = podSpecOf(file);
  const { spec: stored } = JSON.parse(await create(template, spec));
  expect(containersOf(stored)).toEqual(containersOf(spec));
});

test("a sidecar with more rights is refused", async () => {
  const file = "model-servers-observed.yaml";
  const template = templateIn(file) ?? {};
  const spec = podSpecOf(file);
  const initContainers = asList(spec["initContainers"]).map((container) => ({
    ...asRecord(container),
    securityContext: { allowPrivilegeEscalation: true },
  }));
  await expect(create(template, { ...spec, initContainers })).rejects.toThrow(
    /violates PodSecurity.*sidecar/,
  );
});
