/** The drill whose turn it is has gone, or is only not seen yet: what the API server says counts. */
import { expect, test } from "@jest/globals";
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { KubeError } from "../kube/port.ts";
import { createCaches } from "./caches.ts";
import { requireDrillSeen } from "./overlooked-drill.ts";

const deployment = (drill?: { readonly name: string; readonly uid: string }) =>
  ({
    metadata: { namespace: "shop", name: "ranker" },
    status: drill === undefined ? {} : { drill },
  }) as unknown as ModelDeployment;

const WEEKLY = { name: "weekly", uid: "uid-1" };

/** Caches in which nothing was seen. */
const caches = createCaches({
  port: undefined as never,
  clock: undefined as never,
  random: () => 0.5,
  log: undefined as never,
});

const answering = (answer: KubeObject | Error) => ({
  get: async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  },
});

const standing = (uid: string): KubeObject => ({
  apiVersion: "petrel.dev/v1alpha1",
  kind: "FailoverDrill",
  metadata: { name: "weekly", namespace: "shop", uid },
});

test("one that stands and was not seen is waited for", async () => {
  const required = requireDrillSeen(answering(standing("uid-1")), deployment(WEEKLY), caches);
  await expect(required).rejects.toThrow("weekly stands, and has not been seen yet");
});

test.each([
  ["is gone", new KubeError(404, "NotFound", "there is none")],
  ["was made anew", standing("uid-2")],
])("one that %s is no reason to wait", async (_what, answer) => {
  await requireDrillSeen(answering(answer), deployment(WEEKLY), caches);
});

test("nobody is asked where none has its turn, and an answer that fails is no answer", async () => {
  const failing = answering(new KubeError(500, "InternalError", "not now"));
  await requireDrillSeen(failing, deployment(), caches);
  await expect(requireDrillSeen(failing, deployment(WEEKLY), caches)).rejects.toThrow("not now");
});
