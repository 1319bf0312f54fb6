/**
 * The parts of the simulation that are not under the contract: the virtual clock, the faults, and what the
 * in-memory API server does for a simulated node.
 */
import { describe, expect, test } from "@jest/globals";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { sleep } from "../../src/core/clock.ts";
import { KubeError, type WatchEvent } from "../../src/kube/port.ts";
import { MemoryApiServer } from "../memory-cluster/api-server.ts";
import { type FaultScript, FaultyPort } from "../memory-cluster/faulty-port.ts";
import { VirtualClock } from "../memory-cluster/virtual-clock.ts";

const WRITER = { fieldManager: "test" };

describe("the virtual clock", () => {
  test("runs timers in the order of their times, then of their making, with promises settled in between", async () => {
    const clock = new VirtualClock(0);
    const order: string[] = [];
    const wait = async (name: string, milliseconds: number) => {
      await sleep(clock, milliseconds);
      await Promise.resolve();
      order.push(`${name} ${clock.monotonic()}`);
      if (name === "b") void wait("d", 5);
    };
    void wait("c", 20);
    void wait("a", 10);
    void wait("b", 10);
    await clock.advance(15);
    expect(order).toEqual(["a 10", "b 10", "d 15"]);
    expect(clock.now()).toBe(15);
    expect(clock.nextTimerAt()).toBe(20);
  });

  test("stands still while it runs until idle", async () => {
    const clock = new VirtualClock();
    const order: number[] = [];
    clock.schedule(0, () => order.push(1));
    clock.schedule(1, () => order.push(2));
    clock.schedule(0, () => order.push(3))();
    await clock.runUntilIdle();
    expect(order).toEqual([1]);
  });
});

describe("a faulty port", () => {
  function setUp(script: FaultScript) {
    const clock = new VirtualClock();
    const server = new MemoryApiServer(clock);
    return { clock, server, port: new FaultyPort(server, clock, script) };
  }
  const lease = (name: string): KubeObject => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "ns" },
    spec: {},
  });
  const stored = async (server: MemoryApiServer) =>
    (await server.list(RESOURCE.lease, {})).items.map(({ metadata }) => metadata.name);

  test("refuses before the effect", async () => {
    const { server, port } = setUp({ call: () => ({ refusal: new KubeError(500, "InternalError", "") }) });
    await expect(port.create(lease("a"), WRITER)).rejects.toMatchObject({ status: 500 });
    expect(await stored(server)).toEqual([]);
  });

  test("loses the answer after the effect", async () => {
    const { server, port } = setUp({ call: () => ({ losesAnswer: true }) });
    await expect(port.create(lease("a"), WRITER)).rejects.toMatchObject({ status: 0 });
    expect(await stored(server)).toEqual(["a"]);
  });

  test("delays the effect", async () => {
    const { clock, server, port } = setUp({ call: () => ({ delayMilliseconds: 1_000 }) });
    void port.create(lease("a"), WRITER);
    await clock.advance(999);
    expect(await stored(server)).toEqual([]);
    await clock.advance(1);
    expect(await stored(server)).toEqual(["a"]);
  });

  test("tells the script which call it is about", async () => {
    const calls: unknown[] = [];
    const { port } = setUp({
      call(call) {
        calls.push(call);
        return { refusal: new KubeError(500, "InternalError", "") };
      },
    });
    const target = { resource: RESOURCE.deployment, namespace: "ns", name: "d" };
    const options = { fieldManager: "x", force: true, subresource: "scale" } as const;
    await port.apply(lease("a"), options, target).catch(() => {});
    expect(calls).toEqual([{ verb: "apply", ...target, object: lease("a"), subresource: "scale" }]);
  });

  test("lags and breaks watches", async () => {
    const { clock, server, port } = setUp({
      event: (_watch, event) =>
        event.type === "DELETED"
          ? { breaks: new KubeError(0, "NoAnswer", "cut") }
          : { delayMilliseconds: 500 },
    });
    const seen: string[] = [];
    const options = { resourceVersion: "1", timeoutSeconds: 300 };
    const watching = (async () => {
      for await (const event of port.watch(RESOURCE.lease, options, new AbortController().signal)) {
        seen.push(`${event.type} ${clock.monotonic()}`);
      }
    })();
    const ended = expect(watching).rejects.toThrow("cut");
    await server.create(lease("a"), WRITER);
    await server.create(lease("b"), WRITER);
    await clock.advance(2_000);
    await server.delete({ resource: RESOURCE.lease, namespace: "ns", name: "a" }, {});
    await ended;
    expect(seen).toEqual(["ADDED 500", "ADDED 1000"]);
  });

  test("cuts a killed process off: nothing it had begun comes back, nothing new gets through", async () => {
    const { clock, server, port } = setUp({ call: () => ({ delayMilliseconds: 1_000 }) });
    const outcomes: string[] = [];
    const note = (call: Promise<unknown>) =>
      void call.then(
        () => outcomes.push("done"),
        () => outcomes.push("failed"),
      );
    const events: WatchEvent[] = [];
    note(
      (async () => {
        const options = { resourceVersion: "1", timeoutSeconds: 300 };
        for await (const event of port.watch(RESOURCE.lease, options, new AbortController().signal)) {
          events.push(event);
        }
      })(),
    );
    await clock.advance(2_000);
    note(port.create(lease("a"), WRITER));
    port.sever();
    note(port.create(lease("b"), WRITER));
    await server.create(lease("c"), WRITER);
    await clock.advance(600_000);
    expect(await stored(server)).toEqual(["c"]);
    expect(outcomes).toEqual([]);
    expect(events).toEqual([]);
  });
});

test("a scheduled pod that is deleted stays until its node confirms; another one goes at once", async () => {
  const server = new MemoryApiServer(new VirtualClock());
  const pod = (name: string, spec: object): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "ns" },
    spec,
  });
  const named = (name: string) => ({ resource: RESOURCE.pod, namespace: "ns", name });
  await server.create(pod("scheduled", { nodeName: "n1" }), WRITER);
  await server.create(pod("pending", {}), WRITER);
  await server.delete(named("scheduled"), {});
  await server.delete(named("pending"), {});
  expect(server.objects().map(({ metadata }) => metadata.name)).toEqual(["scheduled"]);
  expect((await server.get(named("scheduled"))).metadata.deletionTimestamp).toBeDefined();
  await server.confirmTermination(named("scheduled"));
  expect(server.objects()).toEqual([]);
});

test("what the server stores cannot be changed from outside", async () => {
  const server = new MemoryApiServer(new VirtualClock());
  const spec = { containers: [{ name: "a", image: "b" }] };
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "ns" }, spec };
  const created = await server.create(object, WRITER);
  spec.containers.push({ name: "c", image: "d" });
  expect(created["spec"]).toEqual({ containers: [{ name: "a", image: "b" }] });
  expect(() => Object.assign(created.metadata, { name: "q" })).toThrow(TypeError);
});
