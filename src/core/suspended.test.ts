/**
 * A ModelDeployment that is suspended: it is looked at, and nothing else.
 */
import { describe, expect, test } from "@jest/globals";
import { found } from "../../test/fixtures/found-conditions.ts";
import { candidateComesUp, stableServes } from "../../test/fixtures/stages.ts";
import { model, World } from "../../test/fixtures/world.ts";
import { decide } from "./decide.ts";

describe("while it is suspended", () => {
  const suspended = () => stableServes().edit({ suspend: true, model: model("v2"), replicas: 9 });

  test("nothing is written, whatever the spec says", () => {
    const { apply, scale, remove } = decide(suspended().observation());
    expect({ apply, scale, remove }).toEqual({ apply: [], scale: [], remove: [] });
  });

  test("roles and traffic stay as they are, and the conditions say so", () => {
    const world = suspended();
    const { traffic, revisions } = stableServes().status;
    const { status } = decide(world.observation());
    expect(status).toMatchObject({ traffic, revisions, observedGeneration: 2 });
    expect(found(world)).toEqual({
      Suspended: "True Suspended",
      Ready: "False ReplicasNotReady",
      Available: "True Serving",
      Promoted: "False Suspended",
      RolloutInProgress: "False NoRollout",
    });
  });

  test("a rollout stands still, though its candidate is ready", () => {
    const world = candidateComesUp().edit({ suspend: true });
    world.setReady(world.revisionName("v2"));
    expect(decide(world.observation()).status.traffic).toEqual(world.status.traffic);
    world.edit({ suspend: false }).settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Promoted: "True Promoted" });
  });

  test("a request to refresh is not reported as taken up before it is", () => {
    const world = stableServes().refresh("monday");
    world.settle();
    world.edit({ suspend: true }).refresh("tuesday").reconcile();
    expect(world.status.observedRefresh).toBe("monday");
    world.edit({ suspend: false }).settle();
    expect(world.status.observedRefresh).toBe("tuesday");
  });

  test("one that was never started holds no traffic port", () => {
    const { status } = decide(new World({ suspend: true }).observation());
    expect(status).not.toHaveProperty("traffic");
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: "Ready", status: "False" }));
  });

  test("it is told once by an Event", () => {
    const world = suspended();
    expect(decide(world.observation()).events).toContainEqual(
      expect.objectContaining({ type: "Normal", reason: "Suspended" }),
    );
    world.reconcile();
    expect(decide(world.observation()).events).toEqual([]);
  });
});
