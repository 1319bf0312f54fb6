/**
 * What of the gates of a release is its last word.
 */
import { expect, test } from "@jest/globals";
import { Release } from "../../../test/fixtures/release.ts";
import type { GateStatus } from "../../api/gate-status.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import type { ModelRolloutStatus, RolloutVerdict } from "../../api/model-rollout-status.ts";
import { deploymentView, type StatusSource } from "./deployment-view.ts";

const owner = { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name: "ranker", uid: "u" };
const NONE: readonly KubeObject[] = [];

/** Names of the gates that are shown of a release with this status. */
function shown(status: ModelRolloutStatus): readonly string[] | undefined {
  const objects: Record<StatusSource, readonly KubeObject[]> = {
    modelDeployments: [
      {
        apiVersion: owner.apiVersion,
        kind: owner.kind,
        metadata: { name: "ranker", namespace: "shop", uid: "u" },
        status: { rollout: { number: 1, name: "ranker-1", revision: "ranker-2" } },
      },
    ],
    rollouts: [
      {
        apiVersion: owner.apiVersion,
        kind: "ModelRollout",
        metadata: { name: "ranker-1", namespace: "shop", ownerReferences: [owner] },
        spec: {
          modelDeployment: "ranker",
          revision: "ranker-2",
          number: 1,
          strategy: new Release().strategy,
        },
        status,
      },
    ],
    revisions: NONE,
    slices: NONE,
    routers: NONE,
    pods: NONE,
    events: NONE,
  };
  return deploymentView({ objects, forbidden: [] }, 0)?.rollout?.gates.map(({ name }) => name);
}

const said = (name: string): GateStatus[] => [{ name, outcome: "Pass", message: "well" }];
const passedGates = said("of the step before");
const verdict = (outcome: RolloutVerdict["outcome"]): RolloutVerdict => ({
  outcome,
  reason: outcome === "Promoted" ? "StepsPassed" : "DecidedByPerson",
  message: "why",
  at: "2026-01-01T00:00:00Z",
});

test("gates that let a step end are shown of a release that was promoted, and of no other", () => {
  expect(shown({ passedGates, verdict: verdict("Promoted") })).toEqual(["of the step before"]);
  expect(shown({ passedGates, verdict: verdict("Aborted") })).toEqual([]);
  expect(shown({ passedGates, verdict: verdict("Superseded") })).toEqual([]);
  // A step has just begun.
  expect(shown({ passedGates, step: 2, steps: 3 })).toEqual([]);
});

test("gates of the present step, or those that ended the release, come before them", () => {
  expect(shown({ passedGates, gates: said("of now"), step: 2, steps: 3 })).toEqual(["of now"]);
  expect(shown({ passedGates, gates: said("of the end"), verdict: verdict("Aborted") })).toEqual([
    "of the end",
  ]);
});
