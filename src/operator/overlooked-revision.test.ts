/**
 * A stable revision that the caches lack: what stands is not taken for lost.
 */
import { expect, test } from "@jest/globals";
import { spec } from "../../test/fixtures/spec.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { LABEL, MANAGED_BY } from "../api/names.ts";
import { requireStableSeen } from "./overlooked-revision.ts";

const deployment: ModelDeployment = {
  metadata: {
    ...{ name: "ranker", namespace: "shop", uid: "uid-ranker", generation: 1, resourceVersion: "1" },
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: spec({}),
  status: { revisions: { stable: "ranker-1" } },
};

async function storing(uid: string, labels: Readonly<Record<string, string>>): Promise<MemoryApiServer> {
  const port = new MemoryApiServer(new VirtualClock());
  const owner = { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name: "ranker", uid };
  const metadata = {
    ...{ name: "ranker-1", namespace: "shop", labels },
    ownerReferences: [{ ...owner, controller: true }],
  };
  await port.apply(
    { apiVersion: "apps/v1", kind: "ControllerRevision", metadata, revision: 1, data: {} },
    { fieldManager: "petrel", force: true },
  );
  return port;
}

test("that stands and was not seen yet is waited for", async () => {
  const port = await storing("uid-ranker", { [LABEL.managedBy]: MANAGED_BY });
  await expect(requireStableSeen(port, deployment, new Map())).rejects.toThrow(
    "the watch of ControllerRevisions is behind: ranker-1 stands",
  );
});

test.each([
  ["is not there", () => Promise.resolve(new MemoryApiServer(new VirtualClock()))],
  ["is that of a former ModelDeployment", () => storing("uid-before", { [LABEL.managedBy]: MANAGED_BY })],
  ["is not marked as Petrel's any more", () => storing("uid-ranker", {})],
])("that %s is lost", async (_what, port) => {
  await requireStableSeen(await port(), deployment, new Map());
});

test("that was seen is not asked for, nor one where there is none", async () => {
  const port = { get: () => Promise.reject(new Error("asked")) };
  const seen = { apiVersion: "apps/v1", kind: "ControllerRevision", metadata: { name: "ranker-1" } };
  await requireStableSeen(port, deployment, new Map([["ControllerRevision/ranker-1", seen]]));
  await requireStableSeen(port, { ...deployment, status: {} }, new Map());
});
