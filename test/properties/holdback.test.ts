/**
 * What must hold after every decision of every walk that begins in a holdback: what either arm gets, what goes back, and
 * that a person who gives it up always gets what was asked for.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ModelDeploymentStatus } from "../../src/api/model-deployment-status.ts";
import type { ModelRolloutSpec } from "../../src/api/model-rollout-spec.ts";
import { FULL_WEIGHT } from "../../src/api/traffic-plan.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Observation } from "../../src/core/observation.ts";
import { carriedWeight, readyReplicas } from "../../src/core/readiness.ts";
import { inHoldback } from "../fixtures/held-back-world.ts";
import { model, type World } from "../fixtures/world.ts";
import { type Step, step, walk } from "./steps.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 100);

/** A person writes into the latest release, or hours pass. */
type Guide =
  | { readonly type: "Guide"; readonly changes: Partial<ModelRolloutSpec> }
  | { readonly type: "Queue"; readonly isQueued: boolean }
  | { readonly type: "DeleteRollout" }
  | { readonly type: "Hours"; readonly hours: number };

const guide: fc.Arbitrary<Guide> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("Guide" as const),
      changes: fc.constantFrom<Partial<ModelRolloutSpec>>(
        { paused: true },
        { paused: false },
        { decision: "Abort" },
        { decision: "Promote" },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("Hours" as const),
      hours: fc.constantFrom(1, 50, 96),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("Queue" as const), isQueued: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: "DeleteRollout" as const }) },
);

const walks = fc.array(fc.oneof({ weight: 5, arbitrary: step }, { weight: 1, arbitrary: guide }), {
  maxLength: 50,
  size: "max",
});

/** Takes the steps, and tells of each decision. */
function* decisions(steps: readonly (Step | Guide)[], world: World) {
  for (const next of steps) {
    if (next.type === "Guide") {
      if (world.rollouts.length > 0) world.guide(next.changes);
    } else if (next.type === "Hours") world.passTime(next.hours * 3_600_000);
    else if (next.type === "DeleteRollout") {
      if (world.rollouts.length > 0) world.deleteRollout();
    } else if (next.type === "Queue") {
      const { rollout } = world.spec;
      if (rollout === undefined) continue;
      world.edit({ rollout: { ...rollout, onNewRevision: next.isQueued ? "Queue" : "Supersede" } });
    } else {
      for (const { before, decision } of walk([next], world)) {
        if (before !== undefined && decision !== undefined) yield { before, decision };
      }
    }
  }
}

function afterEveryDecision(holds: (before: Observation, decision: Decision) => void): void {
  fc.assert(
    fc.property(walks, fc.integer({ min: 1, max: 4 }), (steps, replicas) => {
      for (const { before, decision } of decisions(steps, inHoldback({ replicas }))) holds(before, decision);
    }),
    { numRuns },
  );
}

/** What a plan gives a revision, in whatever arm it leads. */
function weightOf({ traffic }: ModelDeploymentStatus, revision: string | undefined): number {
  const led = (traffic?.arms ?? []).filter(({ pools }) => pools[0]?.revision === revision);
  return led.reduce((sum, { weight }) => sum + weight, 0);
}

function answers(before: Observation, revision: string): boolean {
  return before.deployment.spec.pools.some(({ name }) => readyReplicas(before, revision, name) > 0);
}

/** The holdback before a decision, which goes on or is taken back; undefined where there is none. */
function heldBefore(before: Observation) {
  const { status } = before.deployment;
  const { candidate, stable } = status.revisions ?? {};
  const release = before.rollouts.find(({ name }) => name === status.rollout?.name);
  if (status.rollout?.heldBack === undefined || candidate === undefined || stable === undefined)
    return undefined;
  const isThere = (name: string) => before.revisions.some((revision) => revision.name === name);
  // What nobody knows any more can neither keep nor get anything.
  return isThere(candidate) && isThere(stable) ? { candidate, stable, release } : undefined;
}

test("stable gets no more than its ready replicas carry while the candidate can answer", () => {
  afterEveryDecision((before, { status }) => {
    const held = heldBefore(before);
    const isSame = status.revisions?.stable === held?.stable;
    if (held === undefined || !isSame || !answers(before, held.candidate)) return;
    const { traffic } = before.deployment.status;
    const [former, now] = [before.deployment.status, status].map((one) => weightOf(one, held.candidate));
    if (traffic === undefined || former === undefined || now === undefined || now >= former) return;
    expect(FULL_WEIGHT - now).toBeLessThanOrEqual(carriedWeight(before, held.stable));
  });
});

test("what goes back never comes again", () => {
  afterEveryDecision((before, { status }) => {
    const held = heldBefore(before);
    if (held?.release?.status.returning === undefined || status.revisions?.stable !== held.stable) return;
    const former = weightOf(before.deployment.status, held.candidate);
    expect(weightOf(status, held.candidate)).toBeLessThanOrEqual(former);
  });
});

test("a candidate gets more than its share of the holdback only with all of it", () => {
  afterEveryDecision((before, { status }) => {
    const held = heldBefore(before);
    if (held === undefined || status.rollout?.heldBack === undefined) return;
    const weight = weightOf(status, held.candidate);
    expect(weight <= 9_500 || weight === FULL_WEIGHT).toBe(true);
  });
});

test("a person who gives it up gets all the traffic back, once there are replicas, and it stays given up", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const world = inHoldback();
      for (const _ of decisions(steps, world)) {
        // Only where the walk ends counts.
      }
      const { rollout, revisions } = world.status;
      const release = world.rollouts.find(({ name }) => name === rollout?.name);
      const isUnderWay = release !== undefined && release.status.verdict === undefined;
      const { candidate, stable } = revisions ?? {};
      if (rollout?.heldBack === undefined || !isUnderWay || candidate !== release.spec.revision) return;
      if (world.revisions.every(({ name }) => name !== stable)) return;
      if (release.spec.decision === "Promote" || world.rollout.name !== release.name) return;
      world.guide({ decision: "Abort" });
      if (world.spec.replicas === 0) world.edit({ replicas: 1 });
      if (world.spec.model.uri.includes("broken")) world.edit({ model: model("v2") });
      world.reconcile();
      world.settle(30);
      const verdict = world.rollouts.find(({ name }) => name === release.name)?.status.verdict;
      expect(verdict?.outcome === "Promoted" ? verdict.reason : verdict?.outcome).not.toBe("StepsPassed");
      expect(verdict).toBeDefined();
      expect(weightOf(world.status, stable)).toBeGreaterThanOrEqual(5_000);
    }),
    { numRuns },
  );
});
