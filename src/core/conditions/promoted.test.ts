/**
 * Whether the model of the spec is promoted, and what is in the way when it is not.
 */
import { expect, test } from "@jest/globals";
import { found, messageOf } from "../../../test/fixtures/found-conditions.ts";
import { CANARY, inStepOne } from "../../../test/fixtures/released-world.ts";
import {
  candidateComesUp,
  candidateHasTrafficAcknowledged,
  neverServed,
  stableServes,
} from "../../../test/fixtures/stages.ts";
import { model, type World } from "../../../test/fixtures/world.ts";
import type { ConditionReason } from "../../api/conditions.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");
const notPromoted = (reason: ConditionReason) => ({ Promoted: `False ${reason}` });

test.each<[string, () => World, string]>([
  [
    "a first revision starts",
    neverServed,
    "V1 does not have all the traffic: pool default: 0 of 2 replicas are ready",
  ],
  [
    "no router knows it",
    () => {
      const world = neverServed();
      world.setReady(v1(world)).reconcile();
      return world;
    },
    "V1 does not have all the traffic: no router has acknowledged the traffic plan yet",
  ],
  ["a candidate comes up", candidateComesUp, "V2: pool default: 0 of 2 replicas are ready"],
  [
    "it became stable, and routers have not heard of it",
    candidateHasTrafficAcknowledged,
    "V2 does not have all the traffic: not every router has taken up the plan that gives it to it",
  ],
  [
    "an object is refused",
    () => {
      const world = candidateComesUp();
      world.refusals = [{ object: "Deployment/x", reason: "ChildRejected", message: "no such class" }];
      return world;
    },
    "V2 does not have all the traffic: Deployment/x: no such class",
  ],
  [
    "it is suspended",
    () => stableServes().edit({ suspend: true, model: model("v2") }),
    "V2 does not have all the traffic: spec.suspend is true: everything stays as it is, whatever the rest of the spec says",
  ],
])("says what is in the way when %s", (_what, make, message) => {
  const world = make();
  const [first, second] = [v1(world), v2(world)];
  expect(found(world)["Promoted"]).toMatch(/^False /);
  expect(messageOf(world, "Promoted").replaceAll(first, "V1").replaceAll(second, "V2")).toBe(message);
});

test("names the release that it waits for", () => {
  const world = inStepOne({ rollout: { ...CANARY, onNewRevision: "Queue" } }).edit({ model: model("v3") });
  const released = `${v2(world)}: ${world.rollout.status.message}`;
  expect(found(world)).toMatchObject(notPromoted("RolloutStep"));
  const v3 = world.revisionName("v3");
  expect(messageOf(world, "Promoted")).toBe(`${v3} does not have all the traffic: ${released}`);
});

test("is not given to a revision that the spec went back to while another has the traffic", () => {
  const world = candidateHasTrafficAcknowledged();
  // v1 cannot take the traffic back at once, so v2 keeps it, partly ready as it is.
  world
    .setReady(v1(world), 0)
    .setReady(v2(world), 1)
    .edit({ model: model("v1") });
  expect(found(world)).toMatchObject({
    ...notPromoted("NewRevision"),
    RolloutInProgress: "True NewRevision",
  });
});

test("is not given to the successor of a lost revision before it has the traffic", () => {
  const world = stableServes();
  world
    .deleteRevision(v1(world))
    .edit({ model: model("v2") })
    .reconcile();
  expect(found(world.acknowledge())).toMatchObject(notPromoted("ReplicasNotReady"));
});

test("is taken away from a candidate that waits while nothing is asked for", () => {
  const world = candidateComesUp().edit({ replicas: 0 });
  world.settle();
  expect(found(world)).toMatchObject({ Ready: "True ScaledToZero", ...notPromoted("MovingTraffic") });
});
