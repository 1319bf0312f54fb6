import { describe, expect, test } from "@jest/globals";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ConditionReason, ConditionType } from "../api/conditions.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { KubeError } from "../kube/port.ts";
import { requestRefresh } from "./refresh.ts";
import { refreshed, refreshProgress } from "./refresh-progress.ts";

const target = { resource: RESOURCE.modelDeployment, name: "ranker", namespace: "shop" };
const ranker = modelDeploymentObject("ranker");

const condition = (type: ConditionType, status: "True" | "False", reason: ConditionReason) => ({
  type,
  status,
  reason,
  message: "its words",
});
const serving = condition("Ready", "True", "Serving");
const replacing = condition("Ready", "False", "ReplacingReplicas");
const suspended = condition("Suspended", "True", "Suspended");

describe("a request has come so far as the status that names it says", () => {
  test.each([
    ["nothing is reported yet", {}, "Waiting", "not taken it up"],
    ["Ready is of the time before it", { conditions: [serving] }, "Waiting", "not taken it up"],
    [
      "Ready is of another request",
      { observedRefresh: "1", conditions: [serving] },
      "Waiting",
      "not taken it up",
    ],
    [
      "it is suspended",
      { observedRefresh: "1", conditions: [serving, suspended] },
      "Waiting",
      "Suspended is True",
    ],
    [
      "pods are being replaced",
      { observedRefresh: "2", conditions: [replacing] },
      "Waiting",
      "ReplacingReplicas",
    ],
    ["all replicas serve", { observedRefresh: "2", conditions: [serving] }, "Replaced", "Serving"],
  ])("%s", (_what, status, state, said) => {
    const metadata = { ...ranker.metadata, annotations: { "petrel.dev/refresh": "2" } };
    expect(refreshProgress({ ...ranker, metadata, status }, "2")).toEqual({
      state,
      said: expect.stringContaining(said),
    });
  });
});

/** A wait on a cluster that tells as `look` says. */
async function start(fails?: (look: number) => KubeError | undefined) {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  await server.create(ranker, { fieldManager: "kubectl" });
  await requestRefresh(server, target, "2");
  let looks = 0;
  const port = new FaultyPort(server, clock, {
    call: () => {
      looks += 1;
      const refusal = fails?.(looks);
      return refusal === undefined ? undefined : { refusal };
    },
  });
  let outcome = "";
  void refreshed({ port, clock }, target, "2", 60_000).then(
    () => {
      outcome = "replaced";
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  const report = (status: object) => server.writeAsComponent(target, { status: { ...status } });
  return { clock, server, report, outcome: () => outcome };
}

describe("the wait", () => {
  test("ends when the request is obeyed and all replicas serve, and not before", async () => {
    const { clock, report, outcome } = await start();
    await report({ conditions: [serving] });
    await clock.advance(5_000);
    expect(outcome()).toBe("");
    await report({ observedRefresh: "2", conditions: [replacing] });
    await clock.advance(5_000);
    expect(outcome()).toBe("");
    await report({ observedRefresh: "2", conditions: [serving] });
    await clock.advance(2_000);
    expect(outcome()).toBe("replaced");
  });

  test("fails after its time, with what the status said last", async () => {
    const { clock, report, outcome } = await start();
    await report({ observedRefresh: "2", conditions: [replacing] });
    await clock.advance(59_000);
    expect(outcome()).toBe("");
    await clock.advance(2_000);
    expect(outcome()).toBe(
      "the pods are not replaced within 60 s: Ready is False (ReplacingReplicas): its words",
    );
  });

  test("fails when somebody asks for another refresh", async () => {
    const { clock, server, outcome } = await start();
    await requestRefresh(server, target, "3");
    await clock.advance(2_000);
    expect(outcome()).toBe("somebody has asked for another refresh meanwhile");
  });

  test("fails when the ModelDeployment is deleted", async () => {
    const { clock, server, outcome } = await start();
    await server.delete(target, {});
    await clock.advance(2_000);
    expect(outcome()).toContain("not found");
  });

  test("outlives an API server that is away for a moment", async () => {
    const away = new KubeError(0, "NoAnswer", "no answer");
    const { clock, report, outcome } = await start((look) => (look <= 3 ? away : undefined));
    await report({ observedRefresh: "2", conditions: [serving] });
    await clock.advance(5_000);
    expect(outcome()).toBe("replaced");
  });
});
