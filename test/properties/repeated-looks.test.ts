/**
 * Decisions are functions of what is seen: the same sight gives the same decision, and nothing is decided twice.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Observation } from "../../src/core/observation.ts";
import { World } from "../fixtures/world.ts";
import { walk, walks } from "./steps.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 300);

test("equal observations give equal decisions, whatever the order of what was read", () => {
  const isSame = (before: Observation, decision: Decision) => {
    const reversed: Observation = {
      ...before,
      pods: before.pods.toReversed(),
      revisions: before.revisions.toReversed(),
      podRevisions: before.podRevisions.toReversed(),
      modelServers: before.modelServers.toReversed(),
      routers: before.routers.toReversed(),
      portHolders: before.portHolders.toReversed(),
      rollouts: before.rollouts.toReversed(),
    };
    const sorted = ({ remove, ...rest }: Decision) =>
      JSON.stringify([
        rest,
        remove.toSorted((left, right) => (left.reference.name < right.reference.name ? -1 : 1)),
      ]);
    expect(JSON.stringify(decide(before))).toBe(JSON.stringify(decision));
    expect(sorted(decide(reversed))).toBe(sorted(decision));
  };
  fc.assert(
    fc.property(walks, (steps) => {
      for (const { before, decision } of walk(steps, new World())) {
        if (before !== undefined && decision !== undefined) isSame(before, decision);
      }
    }),
    { numRuns },
  );
});

/** What is seen once the outcome of a decision is stored, and nothing else has happened. */
function reportedIn(observed: Observation, { status, rollouts: reports }: Decision): Observation {
  const rollouts = observed.rollouts.map((rollout) => {
    const report = reports.find((candidate) => candidate.rollout.name === rollout.name);
    return { ...rollout, status: report?.status ?? rollout.status };
  });
  return { ...observed, rollouts, deployment: { ...observed.deployment, status } };
}

test("deciding again on its own outcome changes nothing", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const world = new World();
      for (const _ of walk(steps, world)) {
        // Only where the walk ends counts.
      }
      const observed = world.observation();
      const decided = decide(observed);
      // A release is told as promoted by the look that finds the new role of its revision stored.
      const isPromotion = decided.status.revisions?.stable !== observed.deployment.status.revisions?.stable;
      const first = isPromotion ? decide(reportedIn(observed, decided)) : decided;
      const seen = reportedIn(observed, first);
      const reported = decide(seen);
      expect(reported.rollouts.map(({ status }) => status)).toEqual(
        seen.rollouts.map(({ status }) => status),
      );
      expect(reported.status).toEqual(first.status);
      expect(reported.events).toEqual([]);
      // A release that one reconcile makes or ends is seen by the next.
      for (let round = 0, before = ""; before !== JSON.stringify(world.rollouts); round++) {
        before = JSON.stringify(world.rollouts);
        world.reconcile();
        expect(round).toBeLessThan(4);
      }
      const outcome = structuredClone(world.status);
      world.passTime(60_000);
      const again = decide(world.observation());
      expect(again.status).toEqual(outcome);
      expect(again.events).toEqual([]);
      expect(again.scale).toEqual([]);
    }),
    { numRuns },
  );
});
