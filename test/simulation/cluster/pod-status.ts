/**
 * The status of a pod in each stage of its life, in the form in which the kubelet writes it. Pure.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { CONTAINER } from "../../../src/api/names.ts";
import type { TerminationMessage } from "../../../src/fetch/termination-message.ts";
import { isRouter } from "./pod.ts";

/** Where a pod that is bound to a node stands. */
export type PodStage =
  /** Its init containers run. */
  | "Initializing"
  /** `fetch` has failed and is put off. */
  | "FetchFailed"
  /** Its main container runs and has not been ready yet. */
  | "Starting"
  /** `serve` has ended because it cannot load the model, and is put off. */
  | "LoadFailed"
  | "Ready"
  /** It has been ready, and its readiness probe fails. */
  | "Unready"
  /** Its main container has crashed and is started again. */
  | "Crashed"
  /** The node has thrown it out: its containers have ended for good. */
  | "Evicted";

/** What a status is made from. */
export interface PodState {
  readonly stage: PodStage;
  readonly restartCount: number;
  /** Given by the node's network. */
  readonly podIp: string;
  /** The node controller says so when the node is silent. */
  readonly nodeIsLost: boolean;
}

/** The status of a pod that no node has room for. `message` in the scheduler's own words. */
export function unschedulableStatus(message: string): Readonly<Record<string, unknown>> {
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
  return { phase: "Pending", conditions };
}

/** The status of a pod that is bound to a node. */
export function boundStatus(pod: KubeObject, state: PodState): Readonly<Record<string, unknown>> {
  const { stage, nodeIsLost, podIp } = state;
  if (stage === "Evicted") {
    return {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
      podIP: podIp,
    };
  }
  const isInitialized = stage !== "Initializing" && stage !== "FetchFailed";
  const isReady = stage === "Ready" && !nodeIsLost;
  return {
    phase: isInitialized ? "Running" : "Pending",
    podIP: podIp,
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", isInitialized),
      condition("ContainersReady", stage === "Ready"),
      condition("Ready", isReady),
    ],
    initContainerStatuses: [initContainer(pod, state)],
    containerStatuses: [mainContainer(pod, state)],
  };
}

function condition(type: string, isTrue: boolean) {
  return { type, status: isTrue ? "True" : "False" };
}

function initContainer(pod: KubeObject, { stage, restartCount }: PodState) {
  const started = { name: isRouter(pod) ? CONTAINER.router : CONTAINER.fetch, image: "petrel" };
  if (stage === "Initializing") return { ...started, ready: false, restartCount: 0, state: { running: {} } };
  if (stage === "FetchFailed") {
    const lastState = ended(1, terminationMessage("the file's digest is not the one in the spec"));
    return { ...started, ready: false, restartCount, state: backOff(restartCount), lastState };
  }
  const state = isRouter(pod) ? { running: {} } : ended(0, "");
  return { ...started, ready: true, restartCount: 0, state };
}

function mainContainer(pod: KubeObject, { stage, restartCount }: PodState) {
  const base = { name: isRouter(pod) ? CONTAINER.envoy : CONTAINER.serve, image: "petrel", restartCount };
  switch (stage) {
    case "Starting":
      return { ...base, ready: false, started: false, state: { running: {} } };
    case "LoadFailed": {
      const lastState = ended(1, JSON.stringify({ message: "the graph has an unknown operator" }));
      return { ...base, ready: false, started: false, state: backOff(restartCount), lastState };
    }
    case "Crashed":
      return {
        ...base,
        ready: false,
        started: false,
        state: backOff(restartCount),
        lastState: ended(137, ""),
      };
    case "Ready":
    case "Unready":
      return { ...base, ready: stage === "Ready", started: true, state: { running: {} } };
    default:
      return { ...base, ready: false, started: false, state: { waiting: { reason: "PodInitializing" } } };
  }
}

/** The kubelet tells the time until the next start, which grows: what reads it must not take that for news. */
function backOff(restartCount: number) {
  const message = `back-off ${10 * 2 ** Math.min(5, restartCount)}s restarting failed container`;
  return { waiting: { reason: "CrashLoopBackOff", message } };
}

function ended(exitCode: number, message: string) {
  return { terminated: { exitCode, reason: exitCode === 0 ? "Completed" : "Error", message } };
}

function terminationMessage(message: string): string {
  const report: TerminationMessage = {
    check: "Digest",
    expected: "sha256:00",
    found: "sha256:ff",
    message,
    terminal: true,
  };
  return JSON.stringify(report);
}
