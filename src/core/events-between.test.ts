import { describe, expect, test } from "@jest/globals";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  candidateHasTrafficUnacknowledged,
  neverServed,
  stableServes,
} from "../../test/fixtures/stages.ts";
import { model, World } from "../../test/fixtures/world.ts";
import { decide } from "./decide.ts";

/** `TYPE ACTION REASON` of each Event of the next decision. */
function events(world: World): readonly string[] {
  return decide(world.observation()).events.map(({ type, action, reason }) => `${type} ${action} ${reason}`);
}

describe("one Event for a change", () => {
  test.each<[string, () => World, readonly string[]]>([
    ["the first decision is no news", () => new World(), []],
    [
      "the first revision becomes ready",
      () => {
        const world = neverServed();
        world.setReady(world.revisionName()).reconcile();
        return world.acknowledge();
      },
      ["Normal ReadyTrue Serving"],
    ],
    [
      "a candidate is started",
      () => stableServes().edit({ model: model("v2") }),
      ["Normal StartRollout NewRevision"],
    ],
    [
      "another candidate takes its place",
      () => candidateComesUp().edit({ model: model("v3") }),
      ["Normal SupersedeRollout RolloutSuperseded", "Normal StartRollout NewRevision"],
    ],
    [
      "a candidate cannot be fetched",
      () => {
        const world = candidateComesUp();
        return world.setTrouble(world.revisionName("v2"), { type: "FetchFailed", message: "404" });
      },
      ["Warning RolloutInProgressTrue FetchFailed"],
    ],
    ["traffic moves", candidateHasTrafficUnacknowledged, []],
    ["a candidate becomes stable", candidateHasTrafficAcknowledged, ["Normal Promote Promoted"]],
    [
      "replicas are lost",
      () => {
        const world = stableServes();
        return world.setReady(world.revisionName(), 1);
      },
      ["Warning ReadyFalse ReplicasNotReady"],
    ],
    [
      "the reason changes",
      () => {
        const world = stableServes();
        world.setReady(world.revisionName(), 1).reconcile();
        return world.setTrouble(world.revisionName(), { type: "Unschedulable", message: "no node" });
      },
      ["Warning ReadyFalse WaitingForCapacity"],
    ],
    [
      "an object is refused",
      () => {
        const world = stableServes();
        world.refusals = [{ object: "Service/ranker", reason: "NotOwned", message: "taken" }];
        return world;
      },
      ["Warning StalledTrue NotOwned"],
    ],
    [
      "the successor of a lost revision has no traffic yet",
      () => {
        const world = stableServes();
        return world.deleteRevision(world.revisionName()).edit({ model: model("v2") });
      },
      ["Warning ReadyFalse ReplicasNotReady"],
    ],
    ["a revision that never served is replaced", () => neverServed().edit({ model: model("v2") }), []],
  ])("%s", (_what, make, expected) => {
    expect(events(make())).toEqual(expected);
  });

  test("and none for another attempt", () => {
    const world = stableServes();
    world.setReady(world.revisionName(), 1).reconcile();
    expect(events(world)).toEqual([]);
    expect(events(world)).toEqual([]);
  });
});
