/**
 * What is said while pods are replaced by others of another shape, which may find no place.
 */
import { describe, expect, test } from "@jest/globals";
import { stableServes } from "../../../test/fixtures/stages.ts";
import type { World } from "../../../test/fixtures/world.ts";
import type { Condition } from "../../api/conditions.ts";
import { valueAt } from "../../api/json.ts";
import { decide } from "../decide.ts";
import type { PodTrouble } from "../observation.ts";

function conditionsOf(world: World): readonly Condition[] {
  return decide(world.observation()).status.conditions ?? [];
}

/** `STATUS REASON` by type. */
function found(world: World): Record<string, string> {
  return Object.fromEntries(
    conditionsOf(world).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
}

function messageOf(world: World, type: Condition["type"]): string {
  return conditionsOf(world).find((condition) => condition.type === type)?.message ?? "";
}

describe("pods that are made anew", () => {
  const resized = () => {
    const world = stableServes().edit({
      pools: [{ name: "default", resources: { requests: { cpu: "64" } } }],
    });
    world.reconcile();
    return world;
  };
  /** One pod of the new shape beside all of the former one, as `maxSurge` makes it. */
  const withNewPod = (trouble?: PodTrouble) => {
    const world = resized();
    const [servers] = world.servers;
    if (servers === undefined) throw new Error("expected a Deployment");
    const templateId = decide(world.observation()).apply.find(({ kind }) => kind === "Deployment");
    servers.pods.push({
      name: "new",
      isReady: false,
      isTerminating: false,
      templateId: String(
        valueAt(templateId, "spec", "template", "metadata", "labels", "petrel.dev/pod-template"),
      ),
      ...(trouble === undefined ? {} : { trouble }),
    });
    return world;
  };

  test("take Ready away until all are as the spec asks, though all replicas serve", () => {
    const world = withNewPod();
    expect(found(world)).toMatchObject({
      Ready: "False ReplacingReplicas",
      Reconciling: "True ReplacingReplicas",
      Available: "True Serving",
      Promoted: "True Promoted",
    });
    world.settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Available: "True Serving" });
  });

  test("never in silence: what finds no place is told in the scheduler's words", () => {
    const message = "0/3 nodes are available: 3 Insufficient cpu.";
    const world = withNewPod({ type: "Unschedulable", message });
    expect(found(world)["Ready"]).toBe("False WaitingForCapacity");
    expect(messageOf(world, "Ready")).toBe(
      `pool default: 0 of 2 replicas are as the spec asks for by now, others still serve; 1 cannot be scheduled: ${message}`,
    );
  });

  test("are no warning", () => {
    const [event] = decide(resized().observation()).events.filter(({ action }) => action === "ReadyFalse");
    expect(event).toBeUndefined();
    const edited = stableServes().edit({ pools: [{ name: "default", nodeSelector: { disk: "ssd" } }] });
    expect(decide(edited.observation()).events).toMatchObject([
      { type: "Normal", reason: "ReplacingReplicas", action: "ReadyFalse" },
    ]);
  });
});
