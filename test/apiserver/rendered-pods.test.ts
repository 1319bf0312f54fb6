/**
 * The pods of the golden files on a real kube-apiserver, in a namespace that enforces the Pod Security Standard
 * *restricted*: it knows every field of them, and lets them in.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
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

/** The spec of the pods, with the volumes that a StatefulSet adds. */
function podSpecOf(file: string): JsonRecord {
  const { volumes, ...rest } = asRecord(valueAt(templateIn(file), "spec")) ?? {};
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

/** Classes that a pool of the golden files names, as a user's cluster has them. */
const PRIORITY = 100_000;
const OVERHEAD = { memory: "64Mi" };
const CLASSES: readonly JsonRecord[] = [
  {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: "serving" },
    value: PRIORITY,
    preemptionPolicy: "Never",
  },
  {
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name: "nvidia" },
    handler: "nvidia",
    overhead: { podFixed: OVERHEAD },
    scheduling: { nodeSelector: { "example.com/runtime": "nvidia" } },
  },
];

let controlPlane: ControlPlane;

beforeAll(async () => {
  // A dry run stores nothing, so the account of a pod is not there to be found.
  controlPlane = await startControlPlane({ apiserverFlags: ["--disable-admission-plugins=ServiceAccount"] });
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } };
  for (const object of [namespace, ...CLASSES]) {
    await controlPlane.kubectl(["create", "-f", "-"], { input: JSON.stringify(object) });
  }
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

describe("a pool that names classes", () => {
  const file = "model-servers-mig.yaml";
  const template = templateIn(file) ?? {};
  const spec = podSpecOf(file);

  test("has pods of their priority, and with what their runtime takes and where it is", async () => {
    expect(spec).toMatchObject({ priorityClassName: "serving", runtimeClassName: "nvidia" });
    const { spec: stored } = JSON.parse(await create(template, spec));
    expect(stored).toMatchObject({
      priority: PRIORITY,
      preemptionPolicy: "Never",
      overhead: OVERHEAD,
      nodeSelector: { ...asRecord(spec["nodeSelector"]), "example.com/runtime": "nvidia" },
    });
  });

  test.each([
    ["priorityClassName", /no PriorityClass with name absent was found/],
    ["runtimeClassName", /RuntimeClass "absent" not found/],
  ])("that the cluster has not is refused by its %s", async (name, refusal) => {
    await expect(create(template, { ...spec, [name]: "absent" })).rejects.toThrow(refusal);
  });
});

test.each(["model-servers.yaml", "router.yaml"])("%s: pods spread over nodes and zones", async (file) => {
  const { spec: stored } = JSON.parse(await create(templateIn(file) ?? {}, podSpecOf(file)));
  const constraints = asList(valueAt(stored, "topologySpreadConstraints"));
  const preferences = asList(
    valueAt(stored, "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution"),
  );
  const terms = [...constraints, ...preferences.map((one) => valueAt(one, "podAffinityTerm"))];
  expect(terms.map((term) => valueAt(term, "topologyKey"))).toEqual([
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
  ]);
  const labels = valueAt(templateIn(file), "metadata", "labels");
  for (const term of terms) {
    // Of these very pods: a selector that misses them would spread nothing.
    expect(labels).toMatchObject(asRecord(valueAt(term, "labelSelector", "matchLabels")) ?? {});
  }
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
