import { describe, expect, test } from "@jest/globals";
import { spec } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ConditionReason, ConditionType } from "../api/conditions.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import type { Goal } from "./wait/awaited.ts";
import { waitCommand, waitFor } from "./wait.ts";

const target = { resource: RESOURCE.modelDeployment, name: "ranker", namespace: "shop" };
const ranker = {
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelDeployment",
  metadata: { name: "ranker", namespace: "shop" },
  spec: spec(),
};

const condition = (
  type: ConditionType,
  status: "True" | "False",
  reason: ConditionReason,
  observedGeneration = 1,
) => ({
  type,
  status,
  reason,
  message: "its words",
  observedGeneration,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});

const ready = condition("Ready", "True", "Serving");
const notPromoted = condition("Promoted", "False", "NewRevision");
const rollout = condition("RolloutInProgress", "True", "WaitingForCapacity");
const stalled = condition("Stalled", "True", "ChildRejected");
const promoted = condition("Promoted", "True", "Promoted");

async function start(goal: Goal, first: object = ranker) {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  await server.create({ ...ranker, ...first }, { fieldManager: "kubectl" });
  const said: string[] = [];
  const ends: { code?: number; message?: string } = {};
  void waitFor({ port: server, clock }, target, goal, 60_000, (text) => said.push(text)).then(
    (code) => {
      ends.code = code;
    },
    (error: Error) => {
      ends.code = exitCodeOf(error);
      ends.message = error.message;
    },
  );
  const report = async (...conditions: object[]) => {
    await server.writeAsComponent(target, { status: { observedGeneration: 1, conditions } });
    await clock.advance(1_000);
  };
  await clock.advance(1_000);
  return { clock, server, said, ends, report };
}

describe("the wait", () => {
  test("says what is awaited, once for each change, and ends when it is reached", async () => {
    const { said, ends, report } = await start("promoted");
    await report(ready, notPromoted, rollout);
    await report(ready, notPromoted, rollout, condition("Available", "True", "Serving"));
    expect(ends).toEqual({});
    await report(ready, promoted);
    expect(ends).toEqual({ code: EXIT.done });
    expect(said).toEqual([
      "waiting to be promoted: no operator has looked at this spec yet",
      "waiting to be promoted: WaitingForCapacity: its words",
      "promoted: Promoted: its words",
    ]);
  });

  test("for ready does not wait for promotion", async () => {
    const { ends, report } = await start("ready");
    await report(ready, notPromoted, rollout);
    expect(ends).toEqual({ code: EXIT.done });
  });

  test("takes no word of an earlier spec for one of this", async () => {
    const { server, ends, report } = await start("promoted");
    await server.apply(
      { ...ranker, spec: { ...ranker.spec, replicas: 5 } },
      { fieldManager: "kubectl", force: true },
    );
    await report(ready, promoted, stalled);
    expect(ends).toEqual({});
    await report(condition("Promoted", "True", "Promoted", 2));
    expect(ends).toEqual({ code: EXIT.done });
  });

  test("ends at once, with the cause, when it is stalled", async () => {
    const { ends, report } = await start("promoted");
    await report(ready, notPromoted, stalled);
    expect(ends).toEqual({
      code: EXIT.refused,
      message: "will not be promoted: Stalled: ChildRejected: its words",
    });
  });

  test("ends at once when nobody works on it", async () => {
    const { ends } = await start("promoted", { spec: { ...ranker.spec, suspend: true } });
    expect(ends).toMatchObject({ code: EXIT.refused, message: expect.stringContaining("suspend") });
  });

  test("says so where it cannot read the status", async () => {
    const { server, clock, said } = await start("promoted");
    await server.writeAsComponent(target, { status: { observedGeneration: 1, pools: 7 } });
    await clock.advance(1_000);
    expect(said.at(-1)).toBe("waiting to be promoted: its status does not fit this version of petrel");
  });

  test("ends when it is deleted", async () => {
    const { server, clock, ends } = await start("ready");
    await server.delete(target, {});
    await clock.advance(1_000);
    expect(ends).toMatchObject({ code: EXIT.refused, message: expect.stringContaining("deleted") });
  });

  test("ends when time runs out, with what was said last", async () => {
    const { clock, ends, report } = await start("promoted");
    await report(ready, notPromoted, rollout);
    await clock.advance(57_000);
    expect(ends).toEqual({});
    await clock.advance(2_000);
    expect(ends).toEqual({
      code: EXIT.timeout,
      message: "not promoted within 60 s: WaitingForCapacity: its words",
    });
  });

  test("is not as long as the timers of Node cannot be, which would end it at once", () => {
    const timeout = waitCommand().options.find(({ long }) => long === "--timeout");
    expect(timeout?.parseArg?.("500h", undefined)).toBe(500 * 3_600_000);
    expect(() => timeout?.parseArg?.("1000h", undefined)).toThrow("expected a duration from 0s to 596h");
  });

  test("for one that is not there ends at once", async () => {
    const clock = new VirtualClock();
    const wait = waitFor({ port: new MemoryApiServer(clock), clock }, target, "ready", 60_000, () => {});
    await expect(wait).rejects.toMatchObject({ status: 404 });
  });
});
