import { describe, expect, test } from "@jest/globals";
import { spec } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { readModelDeployment } from "../operator/projections/model-deployment.ts";
import { requestRefresh } from "./refresh.ts";

const target = { resource: RESOURCE.modelDeployment, name: "ranker", namespace: "shop" };
const ranker = {
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelDeployment",
  metadata: { name: "ranker", namespace: "shop", annotations: { "team.example/owner": "search" } },
  spec: spec(),
};

describe("a request to refresh", () => {
  test("is an annotation that the operator reads, and changes nothing else", async () => {
    const server = new MemoryApiServer(new VirtualClock());
    const before = await server.create(ranker, { fieldManager: "kubectl" });
    await requestRefresh(server, target, "2026-01-01T00:00:00Z");
    const after = await server.get(target);
    expect(readModelDeployment(after).deployment?.metadata.annotations).toEqual({
      "petrel.dev/refresh": "2026-01-01T00:00:00Z",
    });
    expect(after.metadata.annotations).toMatchObject({ "team.example/owner": "search" });
    expect(after["spec"]).toEqual(before["spec"]);
    expect(after.metadata.generation).toBe(before.metadata.generation);
  });

  test("about a ModelDeployment that is not there makes none", async () => {
    const server = new MemoryApiServer(new VirtualClock());
    await expect(requestRefresh(server, target, "now")).rejects.toMatchObject({ status: 404 });
    expect(server.objects()).toEqual([]);
  });
});
