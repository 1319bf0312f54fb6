/**
 * What is taken from the pods of a validation: a whole report, or why there is none.
 */
import { expect, test } from "@jest/globals";
import { goodReport } from "../../../test/fixtures/validations.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { projectPod } from "./pod.ts";

function pod(status: object, component = "validation"): KubeObject {
  const labels = {
    "petrel.dev/component": component,
    "petrel.dev/model-deployment": "ranker",
    "batch.kubernetes.io/job-name": "ranker-validation-x",
  };
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "pod", namespace: "shop", labels }, status };
}

const JOB = { job: "ranker-validation-x" };

function ended(message: string, exitCode = 1, reason = "Error", name = "evaluate") {
  return { name, state: { terminated: { exitCode, reason, message } } };
}

test.each<[string, object, object]>([
  ["its report", { containerStatuses: [ended(JSON.stringify(goodReport()), 0)] }, { report: goodReport() }],
  [
    "why there is none, in its own words",
    { containerStatuses: [ended('{"problem":"expected rows, got none"}', 2)] },
    { problem: "expected rows, got none" },
  ],
  [
    "how it ended where it has no words",
    { containerStatuses: [ended("", 137, "OOMKilled")] },
    { problem: "evaluate: OOMKilled, exit code 137, without a result" },
  ],
  [
    "which fetch failed",
    {
      initContainerStatuses: [
        ended("", 0, "Completed", "fetch-candidate"),
        ended('{"check":"Digest","message":"the digest is another"}', 1, "Error", "fetch-data"),
      ],
      containerStatuses: [{ name: "evaluate", state: { waiting: { reason: "PodInitializing" } } }],
    },
    { problem: "fetch-data: the digest is another" },
  ],
  [
    "that it was evicted",
    { phase: "Failed", reason: "Evicted", message: "The node was low on memory." },
    { problem: "Evicted: The node was low on memory." },
  ],
  [
    "that no node fits",
    {
      phase: "Pending",
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/3 nodes are available",
        },
      ],
    },
    { trouble: "0/3 nodes are available" },
  ],
  ["nothing while it runs", { phase: "Running", containerStatuses: [{ name: "evaluate", ready: true }] }, {}],
])("a pod tells %s", (_what, status, expected) => {
  expect(projectPod(pod(status)).validation).toEqual({ ...JOB, ...expected });
});

test.each([
  ["is cut off", JSON.stringify(goodReport()).slice(0, -1)],
  ["lacks its verdict", JSON.stringify({ ...goodReport(), passed: undefined })],
  [
    "has a word that is none",
    JSON.stringify({ ...goodReport(), checks: [{ ...goodReport().checks[0], verdict: "Fine" }] }),
  ],
])("a report that %s is none", (_what, message) => {
  const { validation } = projectPod(pod({ containerStatuses: [ended(message, 0, "Completed")] }));
  expect(validation).toEqual({ ...JOB, problem: "evaluate: Completed, exit code 0, without a result" });
});

test("a pod of a model server tells nothing of a validation, whatever it says", () => {
  const status = { containerStatuses: [ended(JSON.stringify(goodReport()), 0)] };
  expect(projectPod(pod(status, "model-server"))).not.toHaveProperty("validation");
});
