/**
 * The event recorder: bounded, and never in the way.
 */
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { EventRecorder } from "./events.ts";
import { KubeError, type KubePort } from "./port.ts";

const NOTE = { type: "Normal", reason: "Promoted", action: "Promoting", note: "all traffic moved" } as const;
const REGARDING = {
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelDeployment",
  metadata: { name: "ranker", namespace: "ns", uid: "u1", resourceVersion: "7" },
};

function setUp(makePort: (server: MemoryApiServer, clock: VirtualClock) => KubePort = (server) => server) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 0, 0, 0, 7));
  const server = new MemoryApiServer(clock);
  let draws = 0;
  const recorder = new EventRecorder({
    port: makePort(server, clock),
    clock,
    random: () => {
      draws += 1;
      return draws / 1_000;
    },
    log: silentLogger,
    reportingController: "petrel.dev/operator",
    reportingInstance: "operator-0",
  });
  const stored = async () => (await server.list(RESOURCE.event, {})).items;
  return { clock, recorder, stored };
}

test("an event says what happened to what, by whom and when", async () => {
  const { recorder, stored } = setUp();
  recorder.record(REGARDING, NOTE);
  await recorder.flush();
  expect(await stored()).toMatchObject([
    {
      metadata: { namespace: "ns", name: expect.stringMatching(/^ranker\.[0-9a-f]+$/) },
      eventTime: "2026-01-01T00:00:00.007000Z",
      reportingController: "petrel.dev/operator",
      reportingInstance: "operator-0",
      regarding: {
        kind: "ModelDeployment",
        name: "ranker",
        namespace: "ns",
        uid: "u1",
        resourceVersion: "7",
      },
      ...NOTE,
    },
  ]);
});

test("events of the same moment have names of their own, also for the longest object name", async () => {
  const { recorder, stored } = setUp();
  const regarding = { ...REGARDING, metadata: { name: "x".repeat(253), namespace: "ns" } };
  for (let count = 0; count < 10; count += 1) recorder.record(regarding, NOTE);
  await recorder.flush();
  const events = await stored();
  expect(events).toHaveLength(10);
  for (const { metadata } of events) expect(metadata.name.length).toBeLessThanOrEqual(253);
});

test("an API server that refuses events disturbs nobody", async () => {
  const refusal = new KubeError(403, "Forbidden", "");
  const { recorder, stored } = setUp(
    (server, clock) => new FaultyPort(server, clock, { call: () => ({ refusal }) }),
  );
  recorder.record(REGARDING, NOTE);
  recorder.record(REGARDING, NOTE);
  await recorder.flush();
  expect(recorder.dropped).toBe(2);
  expect(await stored()).toEqual([]);
});

test("an API server that hangs costs 256 events of memory and no more", async () => {
  const { clock, recorder, stored } = setUp(
    (server, ticking) => new FaultyPort(server, ticking, { call: () => ({ delayMilliseconds: 1_000 }) }),
  );
  for (let count = 0; count < 1_000; count += 1) recorder.record(REGARDING, NOTE);
  expect(recorder.dropped).toBe(1_000 - 257);
  await clock.advance(300_000);
  expect(await stored()).toHaveLength(257);
});
