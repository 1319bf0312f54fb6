import { expect, test } from "@jest/globals";
import { projectChild } from "./child.ts";

const QUOTA =
  'pods "ranker-" is forbidden: exceeded quota: gpus, requested: pods=1, used: pods=2, limited: pods=2';

function refusalOf(condition: object, kind = "Deployment"): string | undefined {
  const conditions = [
    { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: "is progressing" },
    { status: "True", reason: "FailedCreate", message: QUOTA, ...condition },
  ];
  const metadata = { name: "ranker", namespace: "shop" };
  return projectChild({ apiVersion: "apps/v1", kind, metadata, status: { conditions } }).podRefusal;
}

test("pods that cannot be made are told in the words of the API server", () => {
  expect(refusalOf({ type: "ReplicaFailure" })).toBe(QUOTA);
});

test("as much of them is kept as can be told", () => {
  expect(refusalOf({ type: "ReplicaFailure", message: "x".repeat(5_000) })).toHaveLength(1_024);
});

test.each([
  ["of another condition", { type: "Available" }],
  ["that is over", { type: "ReplicaFailure", status: "False" }],
  ["to remove a pod", { type: "ReplicaFailure", reason: "FailedDelete" }],
])("a failure %s is none", (_which, condition) => {
  expect(refusalOf(condition)).toBeUndefined();
});

test("what is no Deployment makes no pods", () => {
  expect(refusalOf({ type: "ReplicaFailure" }, "Service")).toBeUndefined();
});
