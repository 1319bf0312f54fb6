import { describe, expect, test } from "@jest/globals";
import { spec } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelRolloutStatus } from "../api/model-rollout-status.ts";
import { deploymentObject } from "./deployment-object.ts";
import { EXIT } from "./exit-code.ts";
import { currentRollout, guideRollout } from "./guide-rollout.ts";
import { requestRefresh } from "./refresh.ts";
import { requestRetry, requestValidation } from "./retry.ts";
import { type GuidingVerb, guidanceOf } from "./rollout/guidance.ts";
import type { RolloutObject } from "./rollout/rollout-object.ts";

const MANAGER = { fieldManager: "operator" };
const deployment = { resource: RESOURCE.modelDeployment, name: "ranker", namespace: "shop" };
const release = { resource: RESOURCE.modelRollout, name: "ranker-1", namespace: "shop" };
const at = "2026-01-01T00:00:00.000Z";
const aborted = { outcome: "Aborted", reason: "DecidedByPerson", message: "clicks fell", at } as const;
const canary = {
  steps: [
    { weight: "10%", minDuration: "1h" },
    { weight: "50%", pause: true },
  ],
};

/** A cluster with a canary that has this status; without one, nothing is released. */
async function cluster(status?: ModelRolloutStatus): Promise<MemoryApiServer> {
  const server = new MemoryApiServer(new VirtualClock());
  const head = { apiVersion: "petrel.dev/v1alpha1" };
  const ranker = { ...head, kind: "ModelDeployment", metadata: { name: "ranker", namespace: "shop" } };
  await server.create({ ...ranker, spec: spec() }, MANAGER);
  if (status === undefined) return server;
  const rollout = { number: 1, name: "ranker-1", revision: "ranker-v2" };
  await server.apply({ ...ranker, status: { rollout } }, { ...MANAGER, force: true, subresource: "status" });
  const kind = "ModelRollout";
  const metadata = { name: "ranker-1", namespace: "shop" };
  const strategy = { type: "Canary", canary };
  const fixed = { modelDeployment: "ranker", revision: "ranker-v2", number: 1, strategy };
  await server.create({ ...head, kind, metadata, spec: fixed }, MANAGER);
  await server.apply({ ...head, kind, metadata, status }, { ...MANAGER, force: true, subresource: "status" });
  return server;
}

async function guide(server: MemoryApiServer, verb: GuidingVerb, reason?: string): Promise<unknown> {
  await guideRollout(server, verb, await currentRollout(server, "shop", "ranker"), reason);
  const {
    modelDeployment: _m,
    revision: _r,
    number: _n,
    strategy: _s,
    ...written
  } = (await server.get(release))["spec"] as Record<string, unknown>;
  return written;
}

describe("a verb writes into the spec of the ModelRollout", () => {
  test.each<[GuidingVerb, string | undefined, object]>([
    ["pause", "lunch", { paused: true, reason: "lunch" }],
    ["pause", undefined, { paused: true }],
    ["resume", undefined, { paused: false }],
    ["approve", undefined, { approvedStep: 2 }],
    ["promote", "it is good", { decision: "Promote", reason: "it is good" }],
    ["abort", "clicks fell", { decision: "Abort", reason: "clicks fell" }],
  ])("%s", async (verb, reason, written) => {
    const server = await cluster({ phase: "Progressing", step: 2, steps: 3 });
    expect(await guide(server, verb, reason)).toEqual(written);
  });

  test("and takes back nothing that another one wrote", async () => {
    const server = await cluster({ phase: "Progressing", step: 2, steps: 3 });
    await guide(server, "pause", "lunch");
    await guide(server, "approve");
    await guide(server, "promote");
    expect(await guide(server, "resume")).toEqual({ paused: false, approvedStep: 2, decision: "Promote" });
  });
});

describe("there is nothing to lead", () => {
  test.each<[string, GuidingVerb, ModelRolloutStatus | undefined, string]>([
    ["without any release", "promote", undefined, "no rollout of ranker is under way"],
    ["once it is over", "promote", { step: 1, verdict: aborted }, "ranker-1 is over: Aborted, clicks fell"],
    ["before the first step", "approve", { step: 0 }, "ranker-1 has not begun its first step"],
    ["in a step without a pause", "approve", { step: 1 }, "is in step 1, which needs no approval"],
    ["with all the traffic", "approve", { step: 3 }, "is in step 3, which needs no approval"],
  ])("%s: %s", async (_when, verb, status, said) => {
    const failure = guide(await cluster(status), verb);
    await expect(failure).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: expect.stringContaining(said),
    });
  });

  test("in a namespace without the ModelDeployment", async () => {
    await expect(currentRollout(await cluster(), "other", "ranker")).rejects.toMatchObject({ status: 404 });
  });
});

describe("a retry", () => {
  test("is an annotation that stands beside the one of a refresh", async () => {
    const server = await cluster({ phase: "Aborted", step: 1, verdict: aborted });
    const before = await server.get(deployment);
    await requestRefresh(server, deployment, "now");
    await requestRetry(server, await currentRollout(server, "shop", "ranker"), "then");
    await requestRefresh(server, deployment, "later");
    const after = await server.get(deployment);
    expect(after.metadata.annotations).toEqual({ "petrel.dev/refresh": "later", "petrel.dev/retry": "then" });
    expect(after["spec"]).toEqual(before["spec"]);
  });

  test("judges a model anew whose validation did not pass, and no other", async () => {
    const server = await cluster();
    const judged = async (reason: string) => {
      const condition = {
        ...{ type: "Stalled", status: "True", reason, message: "its words" },
        ...{ observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" },
      };
      const validation = {
        ...{ revision: "ranker-v2", settings: "bcd", job: "ranker-validation-bcd" },
        ...{ startedAt: "2026-01-01T00:00:00Z", outcome: "Failed" },
      };
      const { kind, apiVersion, metadata } = await server.get(deployment);
      const { name, namespace = "" } = metadata;
      const status = { validation, conditions: [condition] };
      const options = { ...MANAGER, force: true, subresource: "status" } as const;
      await server.apply({ apiVersion, kind, metadata: { name, namespace }, status }, options);
      return deploymentObject(await server.get(deployment));
    };
    expect(await requestValidation(server, await judged("ValidationFailed"), "now")).toBe("ranker-v2");
    expect((await server.get(deployment)).metadata.annotations).toEqual({ "petrel.dev/retry": "now" });
    await expect(requestValidation(server, await judged("ChildRejected"), "later")).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "the validation of ranker was not refused",
    });
  });

  test("is for what was aborted alone", async () => {
    const server = await cluster({ phase: "Progressing", message: "step 1 of 3", step: 1 });
    const rollout = await currentRollout(server, "shop", "ranker");
    await expect(requestRetry(server, rollout, "now")).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "ranker-1 was not aborted: it is Progressing, step 1 of 3",
    });
  });
});

describe("in a holdback", () => {
  const held = (status: ModelRolloutStatus): RolloutObject => ({
    name: "ranker-1",
    namespace: "shop",
    uid: "u",
    spec: {
      modelDeployment: "ranker",
      revision: "ranker-v2",
      number: 1,
      strategy: { type: "Canary", canary },
      holdback: { weight: "5%", for: "96h" },
    },
    status,
  });

  test.each<[GuidingVerb, said: string]>([
    ["pause", "paused: its holdback does not end"],
    ["resume", "goes on"],
    ["promote", "its holdback ends, and it gets all the traffic"],
    ["abort", "loses its traffic as replicas of the old revision come"],
  ])("%s: %s", (verb, said) => {
    const release = held({ phase: "HoldingBack", step: 3, steps: 4 });
    expect(guidanceOf(verb, release, undefined).said).toBe(said);
    expect(guidanceOf(verb, held({ phase: "Progressing", step: 2, steps: 4 }), undefined).said !== said).toBe(
      verb !== "resume",
    );
  });

  test("there is no step to approve", () => {
    const release = held({ phase: "HoldingBack", step: 3, steps: 4 });
    expect(() => guidanceOf("approve", release, undefined)).toThrow("is in step 3, which needs no approval");
  });

  test.each<GuidingVerb>(["promote", "abort", "approve"])("what goes back is not to be %sd", (verb) => {
    const release = held({ phase: "Returning", step: 3, steps: 4, returning: aborted });
    expect(() => guidanceOf(verb, release, undefined)).toThrow("ranker-1 is given up: clicks fell");
  });
});
