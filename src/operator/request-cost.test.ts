/**
 * What the operator asks of the API server: little for a new ModelDeployment, nothing for one that stands. The
 * figures on a real cluster are bench/operator.ts's; these keep them from growing unseen.
 */
import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asNumber, asRecord, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";

// A day passes in a second or two, and in many on a machine that is busy with something else.
jest.setTimeout(120_000);

function asPod(metadata: object): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadata as KubeObject["metadata"],
    spec: { containers: [] },
  };
}

/** A cluster, and operators that are started and ended on it. Their requests are noted; a watch is not one. */
class Cluster {
  readonly clock = new VirtualClock();
  readonly server = new MemoryApiServer(this.clock);
  requests: string[] = [];
  /** Each reconcile: its controller, and how it ended. */
  looks: string[] = [];
  events = 0;
  #end = () => {};

  async start(): Promise<void> {
    const port = new FaultyPort(this.server, this.clock, {
      call: ({ verb, resource, subresource }) => {
        if (verb !== "watch")
          this.requests.push([verb, resource.kind, subresource].filter(Boolean).join(" "));
        return undefined;
      },
    });
    const { stop } = startLeadingOperator(port, this.clock, {
      workers: 10,
      observe: (controller) => ({
        reconciled: (outcome) => {
          this.looks.push(`${controller} ${outcome}`);
        },
      }),
      recordEvent: () => {
        this.events += 1;
      },
    });
    this.#end = stop;
    await this.settle();
  }

  async settle(): Promise<void> {
    await this.clock.advance(5_000);
  }

  async restart(): Promise<void> {
    this.#end();
    await this.settle();
    this.requests = [];
    await this.start();
  }

  create(name: string, spec?: object): Promise<KubeObject> {
    return this.server.apply(modelDeploymentObject(name, spec), { fieldManager: "people", force: true });
  }

  /** Makes the pods of a ModelDeployment in one go, as the controllers of a cluster without nodes do. */
  async makePods(owner: string): Promise<void> {
    for (const { kind, metadata, ...deployment } of this.server.objects()) {
      if (kind !== "Deployment" || metadata.ownerReferences?.[0]?.name !== owner) continue;
      const { name, namespace = "" } = metadata;
      const labels = asRecord(valueAt(deployment, "spec", "template", "metadata", "labels")) ?? {};
      for (let index = 0; index < (asNumber(valueAt(deployment, "spec", "replicas")) ?? 0); index += 1) {
        const metadata = { name: `${name}-${index}`, namespace, labels };
        await this.server.create(asPod(metadata), { fieldManager: "replicaset-controller" });
      }
    }
  }

  /** Objects that belong to a ModelDeployment. */
  childrenOf(owner: KubeObject): readonly KubeObject[] {
    return this.server
      .objects()
      .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid));
  }
}

let cluster: Cluster;

beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start();
  // The first one of a namespace also brings the routers.
  await cluster.create("first");
  await cluster.settle();
  cluster.requests = [];
});

describe("a new ModelDeployment costs", () => {
  test("one request for each child, one for its status and one for each scale", async () => {
    const owner = await cluster.create("ranker");
    await cluster.settle();
    expect(cluster.requests).toEqual([
      "apply ModelDeployment status",
      "apply ControllerRevision",
      "apply ServiceAccount",
      "apply Service",
      "apply Service",
      "apply NetworkPolicy",
      "apply PodDisruptionBudget",
      "apply ControllerRevision",
      "apply Deployment",
      "apply Deployment scale",
    ]);
    expect(cluster.childrenOf(owner)).toHaveLength(8);
    expect(cluster.events).toBe(0);
  });

  test.each([
    [1, 1],
    [1, 2],
    [3, 2],
  ])(
    "with %i pools of %i replicas, pods included, at most its children + 1 for each scale + 2",
    async (poolCount, replicas) => {
      const pools = Array.from({ length: poolCount }, (_, index) => ({
        name: `p${index}`,
        ...(index === 0 ? {} : { replicas }),
      }));
      const owner = await cluster.create("ranker", { replicas, pools });
      await cluster.settle();
      await cluster.makePods("ranker");
      await cluster.settle();
      const children = cluster.childrenOf(owner).length;
      expect(children).toBe(5 + 3 * poolCount);
      expect(cluster.requests.length).toBeLessThanOrEqual(children + poolCount + 2);
    },
  );
});

describe("what stands costs nothing", () => {
  test("as long as nothing changes, though all of it is looked at again twice a day", async () => {
    cluster.looks = [];
    await cluster.clock.advance(24 * 3_600_000);
    expect(cluster.requests).toEqual([]);
    expect(cluster.looks.toSorted()).toEqual([
      "modeldeployment success",
      "modeldeployment success",
      "router success",
      "router success",
    ]);
  }, 120_000);

  test("when the operator starts again", async () => {
    await cluster.create("ranker", { replicas: 2, pools: [{ name: "gpu" }, { name: "cpu", replicas: 3 }] });
    await cluster.settle();
    await cluster.makePods("ranker");
    await cluster.settle();
    await cluster.restart();
    expect(cluster.requests).toEqual([]);
  });
});

test("a change of replicas costs the scale, the question whether it is still wanted, and the status", async () => {
  await cluster.create("first", { replicas: 2 });
  await cluster.settle();
  expect(cluster.requests.toSorted()).toEqual([
    "apply Deployment scale",
    "apply ModelDeployment status",
    "apply ModelDeployment status",
  ]);
});
