/**
 * How many replicas an arm waits for while those of the ModelDeployment change.
 */
import { expect, test } from "@jest/globals";
import { servingWorld } from "../../../test/fixtures/world.ts";
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import { type ExperimentArm, replicasOfArm } from "./experiment-arms.ts";

test.each([
  ["asked for as told", 4, 4, 2],
  ["more asked for than told", 8, 4, 4],
  ["fewer asked for than told, which a kill would leave standing", 4, 8, 4],
  ["nothing told", 4, undefined, 2],
])("%s", (_what, replicas, told, expected) => {
  const world = servingWorld({ replicas });
  const observation = world.observation();
  const { deployment, revisions } = observation;
  const [revision] = revisions;
  if (revision === undefined) throw new Error("expected a revision that serves");
  const autoscaling: AutoscalingStatus | undefined =
    told === undefined
      ? undefined
      : { replicas: told, since: "2026-01-01T00:00:00Z", because: "Load", inPlaceOf: 1 };
  const status = { ...deployment.status, ...(autoscaling === undefined ? {} : { autoscaling }) };
  const seen = { ...observation, deployment: { ...deployment, status } };
  const arm: ExperimentArm = { name: "wide", arm: "ArmA", weight: 5_000, revision, isNew: false };
  expect(replicasOfArm(seen, arm, deployment.spec.pools[0]).replicas).toBe(expected);
});
