import { describe, expect, test } from "@jest/globals";
import type { ConditionReason, ConditionType } from "../../api/conditions.ts";
import { deploymentObject } from "../deployment-object.ts";
import { attentionOf, type State } from "./attention.ts";

const NOW = Date.parse("2026-01-01T01:00:00Z");

type Told = readonly [ConditionType, "True" | "False", ConditionReason];

/** How one with these conditions fares. */
function stateOf(...given: Parameters<typeof attentionFor>) {
  const { state, needsPerson } = attentionFor(...given);
  return [state, needsPerson];
}

function attentionFor(
  conditions: readonly Told[],
  changes: { hasServed?: boolean; spec?: object; metadata?: object; status?: object } = {},
) {
  const { hasServed = true, spec = {}, metadata = {}, status = {} } = changes;
  const arms = hasServed ? [{ name: "Stable", weight: 10_000, pools: [] }] : [];
  const traffic = { port: 10_000, epoch: 1, timeout: "1s", perTryTimeout: "300ms", arms };
  const told = conditions.map(([type, held, reason]) => ({
    type,
    status: held,
    reason,
    message: "its words",
    observedGeneration: 1,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }));
  const object = deploymentObject({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name: "ranker", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    spec,
    status: { conditions: told, traffic, ...status },
  });
  return attentionOf(object, NOW);
}

const serving: Told = ["Ready", "True", "Serving"];
const short: Told = ["Ready", "False", "FetchFailed"];
const waiting: Told = ["Ready", "False", "ReplicasNotReady"];
const nobody: Told = ["Available", "False", "NoReadyReplica"];
const stalled: Told = ["Stalled", "True", "ChildRejected"];
const blocked: Told = ["RolloutInProgress", "True", "FetchFailed"];
const paused: Told = ["RolloutInProgress", "True", "RolloutPaused"];
const stepping: Told = ["RolloutInProgress", "True", "RolloutStep"];
const judged: Told = ["RolloutInProgress", "True", "Validating"];
const rolling: Told = ["RolloutInProgress", "True", "NewRevision"];

describe("how it fares", () => {
  test.each<[string, State, boolean, readonly Told[], Parameters<typeof stateOf>[1]]>([
    ["all is well", "Serving", false, [serving], {}],
    ["none are asked for", "Idle", false, [["Ready", "True", "ScaledToZero"], nobody], {}],
    ["nobody answers any more", "Down", true, [waiting, nobody, stalled], {}],
    ["nobody answers yet", "Changing", false, [waiting, nobody], { hasServed: false }],
    ["it never came up", "Short", true, [short, nobody], { hasServed: false }],
    ["it is refused", "Stalled", true, [["Ready", "False", "ChildRejected"], stalled, rolling], {}],
    ["a replica cannot start", "Short", true, [short, rolling], {}],
    ["a candidate cannot start", "RolloutBlocked", true, [serving, blocked], {}],
    ["a candidate comes up", "RollingOut", false, [serving, rolling], {}],
    ["a candidate is judged", "RollingOut", false, [serving, judged], {}],
    [
      "a first model is judged",
      "Changing",
      false,
      [["Ready", "False", "Validating"], nobody],
      { hasServed: false },
    ],
    ["a model did not pass", "Stalled", true, [serving, ["Stalled", "True", "ValidationFailed"]], {}],
    ["a candidate has its share", "RollingOut", false, [serving, stepping], {}],
    ["a release waits for a person", "RolloutPaused", true, [serving, paused], {}],
    [
      "a release waits in what is suspended",
      "Suspended",
      false,
      [serving, paused],
      { spec: { suspend: true } },
    ],
    ["a release was aborted", "Stalled", true, [serving, ["Stalled", "True", "RolloutAborted"]], {}],
    ["pods are replaced", "Changing", false, [["Ready", "False", "ReplacingReplicas"]], {}],
    ["it is suspended", "Suspended", false, [waiting], { spec: { suspend: true } }],
    [
      "an operator of later came",
      "Refreshable",
      false,
      [serving, ["RefreshAvailable", "True", "OlderTemplate"]],
      {},
    ],
    ["nobody has looked for an hour", "Unseen", true, [], {}],
    [
      "it was made just now",
      "Changing",
      false,
      [],
      { metadata: { creationTimestamp: "2026-01-01T00:59:59Z" } },
    ],
    ["it goes", "Deleting", false, [serving], { metadata: { deletionTimestamp: "2026-01-01T00:59:59Z" } }],
    ["its status is of another schema", "Unseen", true, [serving], { status: { pools: 7 } }],
  ])("%s: %s", (_what, state, needsPerson, conditions, changes) => {
    expect(stateOf(conditions, changes)).toEqual([state, needsPerson]);
  });
});

describe("one that is suspended", () => {
  const suspended = { spec: { suspend: true } };
  const why = (...conditions: readonly Told[]) => attentionFor(conditions, suspended);

  test.each<[string, readonly Told[], State, string]>([
    ["is short, too", [short], "Short", "FetchFailed: its words"],
    ["answers nobody, too", [waiting, nobody], "Down", "ReplicasNotReady: its words"],
    ["is refused, too", [short, stalled], "Stalled", "ChildRejected: its words"],
    ["brings up a replica", [waiting], "Suspended", "ReplicasNotReady: its words"],
    ["has a release that stands still", [serving, stepping], "Suspended", "RolloutStep: its words"],
    ["serves", [serving], "Suspended", "Serving: its words"],
  ])("and %s says both", (_what, conditions, state, words) => {
    expect(why(...conditions)).toMatchObject({ state, why: `spec.suspend is true; ${words}` });
  });

  test("and goes says that alone", () => {
    const going = { ...suspended, metadata: { deletionTimestamp: "2026-01-01T00:59:59Z" } };
    expect(attentionFor([serving], going).why).toBe("it is being deleted");
  });
});
