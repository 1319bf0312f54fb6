/**
 * A release that turns counting on: it begins once the pods of stable, too, come from a template with the key of tokens.
 */
import { expect, test } from "@jest/globals";
import { follow } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { areCountedAlike } from "./counted-alike.ts";

const COUNTED: Partial<ModelDeploymentSpec> = {
  quality: {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  },
  rollout: {
    strategy: { type: "Canary", canary: { steps: [{ weight: "10%", minDuration: "1h" }] } },
    gates: [{ name: "ctr", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } }],
  },
};

/** Looks in which all is well, but that one pod of stable is not replaced. */
function followWithOld(world: World): World {
  const stable = () => world.serversOf(world.revisionName("v1")).flatMap(({ pods }) => pods);
  const old = stable().slice(0, 1);
  for (let look = 0; look < 5; look++) {
    world.reconcile();
    world.startPods();
    for (const { revision } of world.servers) world.setReady(revision);
    world.serversOf(world.revisionName("v1"))[0]?.pods.push(...old);
    world.acknowledge();
  }
  return world;
}

const where = (world: World) => {
  const { phase, step, weight } = world.rollout.status;
  return `${phase} ${step} ${weight}`;
};
const alike = (world: World) =>
  areCountedAlike(world.observation(), [world.revisionName("v1"), world.revisionName("v2")]);

test("counting that begins with a new model holds it back until all pods of stable are counted", () => {
  const world = servingWorld({ replicas: 4 });
  expect(alike(world)).toBe(true);
  followWithOld(world.edit({ model: model("v2"), ...COUNTED }));
  expect(alike(world)).toBe(false);
  expect(where(world)).toBe("Pending 0 0%");
  expect(world.rollout.status.message).toBe(
    "waits until the pods of both revisions are replaced by ones whose answers are counted",
  );
  follow(world);
  expect(alike(world)).toBe(true);
  expect(where(world)).toBe("Progressing 1 10%");
});

test("a pod that is about to end holds nothing back", () => {
  const world = followWithOld(servingWorld({ replicas: 4 }).edit({ model: model("v2"), ...COUNTED }));
  for (const pod of world.serversOf(world.revisionName("v1"))[0]?.pods.slice(-1) ?? [])
    pod.isTerminating = true;
  expect(alike(world)).toBe(true);
});

test("without a gate that compares the arms it does not matter", () => {
  const { quality, rollout } = COUNTED;
  if (quality === undefined || rollout === undefined) throw new Error("expected both");
  const changes = { model: model("v2"), quality, rollout: { strategy: rollout.strategy } };
  const world = followWithOld(servingWorld({ replicas: 4 }).edit(changes));
  expect(alike(world)).toBe(false);
  expect(where(world)).toBe("Progressing 1 10%");
});

test("a person's word does not wait for it", () => {
  const world = followWithOld(servingWorld({ replicas: 4 }).edit({ model: model("v2"), ...COUNTED }));
  world.guide({ decision: "Promote" }).reconcile();
  expect(where(world)).toBe("Pending 0 0%");
  expect(world.rollout.status.message).toBe("the new revision comes up for 100% of the traffic");
  followWithOld(world);
  expect(where(world)).not.toBe("Pending 0 0%");
});
