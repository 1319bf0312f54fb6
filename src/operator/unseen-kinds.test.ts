/**
 * An operator that is newer than the kinds of its cluster: it says what it has not seen, decides nothing, and goes on once the
 * kind is there.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { KubeError } from "../kube/port.ts";
import type { Operator } from "./operator.ts";

const RANKER = { resource: RESOURCE.modelDeployment, namespace: "shop", name: "ranker" };

let clock: VirtualClock;
let server: MemoryApiServer;
let unknown: string | undefined;
let operator: Operator;
let stop: () => void;

beforeEach(async () => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  const port = new FaultyPort(server, clock, {
    call: ({ resource: { kind } }) =>
      kind === unknown
        ? { refusal: new KubeError(404, "NotFound", "the server could not find the requested resource") }
        : undefined,
  });
  unknown = "ModelExperiment";
  ({ operator, stop } = startLeadingOperator(port, clock));
  await server.apply(modelDeploymentObject("ranker", { ...spec() }), { fieldManager: "people", force: true });
  await clock.advance(60_000);
});

afterEach(() => stop());

test("what it has not seen it names, and while that is so it decides nothing", async () => {
  expect(operator.unseenKinds).toEqual(["ModelExperiment"]);
  expect((await server.get(RANKER))["status"]).toEqual({ observedGeneration: 0 });
});

test("once the kind is there it begins by itself", async () => {
  unknown = undefined;
  await clock.advance(60_000);
  expect(operator.unseenKinds).toEqual([]);
  expect((await server.get(RANKER))["status"]).toMatchObject({ observedGeneration: 1 });
});
