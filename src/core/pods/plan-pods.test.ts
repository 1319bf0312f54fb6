/**
 * Which template pods are made from: what changes it, and above all what does not.
 */
import { describe, expect, test } from "@jest/globals";
import { stableServes } from "../../../test/fixtures/stages.ts";
import { model, servingWorld, spec, World } from "../../../test/fixtures/world.ts";
import { behaviourOf } from "../../../test/memory-cluster/kinds.ts";
import { asRecord, type JsonRecord, valueAt } from "../../api/json.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { LABEL } from "../../api/names.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { decide } from "../decide.ts";
import { podInputs } from "./pod-revision.ts";

/** The template of the only model servers. */
function template(world: World): JsonRecord {
  const [servers, ...others] = world.servers;
  if (servers === undefined || others.length > 0) throw new Error("expected one Deployment");
  return servers.template;
}

function image(given: JsonRecord): unknown {
  const [container] = [valueAt(given, "spec", "containers")].flat();
  return valueAt(container, "image");
}

const OLD = "registry.example/petrel:1.0.0";
const NEW = "registry.example/petrel:2.0.0";

describe("an upgrade of the operator", () => {
  test("leaves the template of standing pods as it is, and says that a refresh is to be had", () => {
    const world = stableServes();
    const before = template(world);
    world.upgrade("2.0.0").settle();
    expect(template(world)).toEqual(before);
    expect(world.status.conditions).toContainEqual(
      expect.objectContaining({ type: "RefreshAvailable", status: "True", reason: "OlderTemplate" }),
    );
    expect(world.status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  });

  test("shapes the pods of a new model revision", () => {
    const world = stableServes()
      .upgrade("2.0.0")
      .edit({ model: model("v2") });
    world.settle();
    expect(image(template(world))).toBe(NEW);
    expect(world.status.conditions?.map(({ type }) => type)).not.toContain("RefreshAvailable");
  });

  test.each<[string, Partial<PoolSpec>]>([
    ["resources", { resources: { requests: { cpu: "2" } } }],
    ["tolerations", { tolerations: [{ operator: "Exists" }] }],
    ["the node selector", { nodeSelector: { disk: "ssd" } }],
  ])("renders pods anew once a person changes %s", (_what, change) => {
    const world = stableServes().upgrade("2.0.0");
    world.edit({ pools: [{ name: "default", ...change }] }).settle();
    expect(image(template(world))).toBe(NEW);
  });

  test.each<[string, Partial<ModelDeploymentSpec>]>([
    ["replicas", { replicas: 5 }],
    ["the traffic", { traffic: { timeout: "2s" } }],
    ["another pool", { pools: [{ name: "default" }, { name: "spare", replicas: 1 }] }],
  ])("does not do so when a person changes %s", (_what, change) => {
    const world = stableServes().upgrade("2.0.0").edit(change);
    world.settle();
    expect(world.servers.find(({ pool }) => pool === "default")?.template).toEqual(template(stableServes()));
  });
});

describe("a request to refresh", () => {
  test("takes the template of the operator that runs, once", () => {
    const world = stableServes().upgrade("2.0.0").refresh("monday");
    world.settle();
    const refreshed = template(world);
    expect(image(refreshed)).toBe(NEW);
    expect(world.status.conditions?.map(({ type }) => type)).not.toContain("RefreshAvailable");
    world.upgrade("3.0.0").settle();
    expect(template(world)).toEqual(refreshed);
  });

  test("is reported with what is said of the pods that it asks for", () => {
    const world = stableServes().upgrade("2.0.0").refresh("monday");
    const { status } = decide(world.observation());
    expect(status.observedRefresh).toBe("monday");
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "False", reason: "ReplacingReplicas" }),
    );
    world.settle();
    expect(world.status.observedRefresh).toBe("monday");
    expect(world.status.conditions).toContainEqual(
      expect.objectContaining({ type: "Ready", status: "True" }),
    );
  });

  test("that is longer than a status holds is obeyed and not reported", () => {
    const world = stableServes().upgrade("2.0.0").refresh("x".repeat(65));
    world.settle();
    expect(image(template(world))).toBe(NEW);
    expect(world.status).not.toHaveProperty("observedRefresh");
  });

  test("changes nothing where the template is that of the operator that runs", () => {
    const world = stableServes();
    const before = template(world);
    world.refresh("monday").settle();
    expect(template(world)).toEqual(before);
  });
});

describe("what a sidecar looks at", () => {
  const quality = {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" as const }],
  };
  const observe = { features: [{ name: "price", input: "features" }] };
  const observed = () => servingWorld({ quality: { ...quality, observe } });

  test("shapes pods, and makes no revision of the model", () => {
    const world = observed();
    const [before, revisions] = [template(world), world.revisions.length];
    world.edit({ quality: { ...quality, observe, response: { scores: "score" } } }).settle();
    expect(template(world)).not.toEqual(before);
    expect(JSON.stringify(template(world))).toContain('\\"output\\":\\"score\\"');
    expect(world.revisions).toHaveLength(revisions);
  });

  test("has the header of the user, wherever the spec names it", () => {
    const world = observed();
    world.edit({ traffic: { timeout: "600ms", stickiness: { header: "x-customer" } } }).settle();
    expect(JSON.stringify(template(world))).toContain("x-customer");
  });

  test("is no input of pods without a sidecar", () => {
    const { deployment } = servingWorld({ quality }).observation();
    const [pool = { name: "" }] = deployment.spec.pools;
    expect(podInputs(deployment, pool)).toEqual({ shared: {}, own: {}, tokens: true });
  });
});

describe("the scores that tokens tell", () => {
  const ctr = { name: "ctr", type: "ClickThroughRate" as const };
  const loss = { name: "loss", type: "LogLoss" as const };
  const labels = [{ name: "click", matures: "30m" }];
  const response = { scores: "p=1", column: 1, probability: true };
  const serverArguments = (world: World) => {
    const [container] = [valueAt(template(world), "spec", "containers")].flat();
    return [valueAt(container, "args")].flat();
  };

  test("are those of the output that the spec names, in new pods and no new revision, without a sidecar", () => {
    const world = servingWorld({ quality: { labels, metrics: [ctr] } });
    const revisions = world.revisions.length;
    expect(serverArguments(world).filter((one) => String(one).includes("score"))).toEqual([]);
    world.edit({ quality: { labels, metrics: [ctr, loss], response } }).settle();
    expect(serverArguments(world)).toEqual(
      expect.arrayContaining(["--token-scores=p=1", "--token-score-column=1"]),
    );
    expect(valueAt(template(world), "spec", "initContainers")).toHaveLength(1);
    expect(world.revisions).toHaveLength(revisions);
  });

  test("shape no pods where no metric reads them", () => {
    const observe = { features: [{ name: "price", input: "features" }] };
    const world = servingWorld({ quality: { labels, metrics: [ctr], response, observe } });
    expect(serverArguments(world).filter((one) => String(one).includes("--token-score"))).toEqual([]);
  });
});

/** The Deployment as the first versions made it: no pod revision, other labels, with the API server's additions. */
function asFirstVersion(world: World): World {
  const [servers] = world.servers;
  if (servers === undefined) throw new Error("expected a Deployment");
  const { metadata, spec: podSpec } = servers.template;
  const {
    [LABEL.podTemplate]: _id,
    [LABEL.modelDeploymentUid]: _uid,
    ...labels
  } = asRecord(valueAt(metadata, "labels")) ?? {};
  servers.template = {
    metadata: {
      creationTimestamp: null,
      labels,
      annotations: { "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" },
    },
    spec: { ...asRecord(podSpec), dnsPolicy: "ClusterFirst", schedulerName: "default-scheduler" },
  };
  delete servers.podRevision;
  world.podRevisions = [];
  return world;
}

describe("a Deployment from before there were pod revisions", () => {
  test("keeps the template that it has, without what is kubectl's", () => {
    const world = asFirstVersion(stableServes());
    const standing = template(world);
    world.upgrade("2.0.0").settle();
    const {
      annotations: _theirs,
      creationTimestamp: _time,
      ...metadata
    } = asRecord(standing["metadata"]) ?? {};
    expect(template(world)).toEqual({ ...standing, metadata });
    expect(world.podRevisions.map((revision) => revision.template)).toEqual([template(world)]);
    expect(world.status.conditions?.map(({ type }) => type)).toContain("RefreshAvailable");
  });

  test.each<[string, Partial<PoolSpec>, Partial<PoolSpec>]>([
    ["resources", {}, { resources: { limits: { cpu: 2 } } }],
    ["resources that are no longer stated", { resources: { limits: { "nvidia.com/gpu": 1 } } }, {}],
    ["tolerations", {}, { tolerations: [{ operator: "Exists" }] }],
    ["the node selector", { nodeSelector: { disk: "ssd" } }, { nodeSelector: { disk: "hdd" } }],
    ["the runtime class", { runtimeClassName: "nvidia" }, {}],
  ])("is made anew when a person changed %s while no operator ran", (_what, before, after) => {
    const world = asFirstVersion(servingWorld({ pools: [{ name: "default", ...before }] }));
    world
      .upgrade("2.0.0")
      .edit({ pools: [{ name: "default", ...after }] })
      .settle();
    expect(image(template(world))).toBe(NEW);
  });

  test("is not made anew for amounts that the API server writes in another way", () => {
    const resources = { limits: { memory: "1024Mi" }, requests: { cpu: "1000m", memory: "512Mi" } };
    const world = asFirstVersion(servingWorld({ pools: [{ name: "default", resources }] }));
    const [servers] = world.servers;
    const stored = { "1000m": "1", "1024Mi": "1Gi" };
    if (servers === undefined) throw new Error("expected a Deployment");
    servers.template = JSON.parse(JSON.stringify(servers.template), (_key, value) =>
      typeof value === "string"
        ? (Object.entries(stored).find(([text]) => text === value)?.[1] ?? value)
        : value,
    );
    world.upgrade("2.0.0").settle();
    expect(image(template(world))).toBe(OLD);
  });
});

describe("the kept templates", () => {
  test("that somebody deletes are kept again from what stands", () => {
    const world = stableServes().upgrade("2.0.0");
    const before = template(world);
    for (const { name } of world.podRevisions) world.deleteRevision(name);
    world.settle();
    expect(template(world)).toEqual(before);
    expect(world.podRevisions).toMatchObject([{ template: before }]);
  });

  test("that nothing is made from any more are removed, once the new one is taken", () => {
    const world = stableServes();
    const [old] = world.podRevisions;
    world.edit({ pools: [{ name: "default", nodeSelector: { disk: "ssd" } }] });
    expect(decide(world.observation()).remove).toEqual([]);
    world.settle();
    expect(world.podRevisions).toHaveLength(1);
    expect(world.podRevisions).not.toContainEqual(old);
  });

  test("go with the model revision", () => {
    const world = stableServes().edit({ model: model("v2") });
    world.settle();
    expect(world.podRevisions).toHaveLength(1);
    expect(world.podRevisions[0]?.template).toEqual(template(world));
  });
});

/**
 * The inputs of a stored spec never change by an upgrade of the operator: all pods would restart. Whoever adds a
 * field that shapes pods makes it optional, without a default in the schema.
 */
describe("the inputs", () => {
  const { model: source } = spec();
  const inputsOf = (written: object, index = 0) => {
    const stored = behaviourOf("ModelDeployment").withDefaults({ spec: written });
    const deployment = { ...new World().observation().deployment, ...stored };
    const pool = deployment.spec.pools[index];
    if (pool === undefined) throw new Error("expected a pool");
    return podInputs(deployment, pool);
  };

  test("of the least that can be said are none", () => {
    expect(inputsOf({ model: source })).toEqual({ shared: {}, own: {} });
  });

  test("of a pool are all that it says but its name, its replicas and its model", () => {
    const pools = [
      { name: "gpu" },
      {
        name: "cpu",
        replicas: 2,
        model: source,
        nodeSelector: { disk: "ssd" },
        tolerations: [{ operator: "Exists" }],
      },
    ];
    const expected = { nodeSelector: { disk: "ssd" }, tolerations: [{ operator: "Exists" }] };
    expect(inputsOf({ model: source, pools }, 1)).toEqual({ shared: {}, own: expected });
  });
});
