/**
 * Leader election on a virtual clock: never two at once, no gap longer than the lease, a lost lease stops at
 * once.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { type FaultScript, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { Clock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { classifyLease, type ElectionOutcome, runLeaderElection } from "./leader-election.ts";
import { KubeError } from "./port.ts";

const log = createLogger({ write: () => {}, now: () => 0 });
const LEASE = { resource: RESOURCE.lease, namespace: "ns", name: "leader" };

class Cluster {
  readonly clock = new VirtualClock();
  readonly server = new MemoryApiServer(this.clock);
  readonly leaders = new Set<string>();
  mostLeaders = 0;

  /** Starts a candidate that leads until it is stopped or loses the lease. */
  start(identity: string, { script = {}, clock = this.clock }: { script?: FaultScript; clock?: Clock } = {}) {
    const port = new FaultyPort(this.server, this.clock, script);
    const stopping = new AbortController();
    const candidate: { outcome?: ElectionOutcome } = {};
    const lead = async (lost: AbortSignal) => {
      this.leaders.add(identity);
      this.mostLeaders = Math.max(this.mostLeaders, this.leaders.size);
      await new Promise<void>((resolve) => {
        lost.addEventListener("abort", () => resolve());
        stopping.signal.addEventListener("abort", () => resolve());
        if (stopping.signal.aborted) resolve();
      });
      this.leaders.delete(identity);
    };
    const options = { port, namespace: "ns", name: "leader", identity, clock, random: () => 0.5, log, lead };
    void runLeaderElection(options, stopping.signal).then((outcome) => {
      candidate.outcome = outcome;
    });
    return { candidate, port, stop: () => stopping.abort() };
  }

  async spec(): Promise<unknown> {
    return (await this.server.get(LEASE))["spec"];
  }
}

describe("a lease", () => {
  const record = {
    leaseDurationSeconds: 15,
    acquireTime: undefined,
    renewTime: undefined,
    leaseTransitions: 0,
  };
  test.each([
    ["me", 1_000_000, "Ours"],
    ["", 0, "Free"],
    ["you", 15_000, "Held"],
    ["you", 15_001, "Free"],
  ])("held by %j and seen unchanged for %i ms is %s", (holderIdentity, age, expected) => {
    const observed = { record: { ...record, holderIdentity }, observedAtMilliseconds: 500 };
    expect(classifyLease(observed, "me", 500 + age)).toBe(expected);
  });
});

test("the first one leads and renews; the second one waits", async () => {
  const cluster = new Cluster();
  cluster.start("one");
  await cluster.clock.advance(100);
  cluster.start("two");
  await cluster.clock.advance(600_000);
  expect([...cluster.leaders]).toEqual(["one"]);
  expect(await cluster.spec()).toMatchObject({
    holderIdentity: "one",
    leaseTransitions: 0,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: "2026-01-01T00:10:00.000000Z",
  });
});

test("one that is stopped gives the lease back, and the next leads within the retry period", async () => {
  const cluster = new Cluster();
  const one = cluster.start("one");
  await cluster.clock.advance(1_000);
  cluster.start("two");
  await cluster.clock.advance(10_000);
  one.stop();
  await cluster.clock.advance(3_000);
  expect(one.candidate.outcome).toBe("Stopped");
  expect([...cluster.leaders]).toEqual(["two"]);
  expect(await cluster.spec()).toMatchObject({ holderIdentity: "two", leaseTransitions: 1 });
});

test("one that is killed is followed after the lease, not before", async () => {
  const cluster = new Cluster();
  const one = cluster.start("one");
  await cluster.clock.advance(1_000);
  cluster.start("two");
  await cluster.clock.advance(9_500);
  one.port.sever();
  await cluster.clock.advance(13_000);
  expect(cluster.leaders).not.toContain("two");
  await cluster.clock.advance(7_000);
  expect(cluster.leaders).toContain("two");
});

test.each([
  ["is refused", { refusal: new KubeError(500, "InternalError", "") }],
  ["hangs", { delayMilliseconds: 3_600_000 }],
  ["loses its answer", { losesAnswer: true }],
])(
  "a leader whose renewal %s stops leading after ten seconds, before anyone else may start",
  async (_how, fault) => {
    const cluster = new Cluster();
    let isBroken = false;
    const script = { call: () => (isBroken ? fault : undefined) };
    const one = cluster.start("one", { script });
    await cluster.clock.advance(1_000);
    cluster.start("two");
    await cluster.clock.advance(60_000);
    isBroken = true;
    await cluster.clock.advance(13_000);
    expect(one.candidate.outcome).toBe("Lost");
    expect(cluster.leaders.size).toBe(0);
    expect(cluster.mostLeaders).toBe(1);
  },
);

test.each([9_000, 20_000])(
  "the lease counts from when its renewal was sent, not from when the answer came %i ms later",
  async (answerDelayMilliseconds) => {
    const cluster = new Cluster();
    let isSlow = false;
    let isDead = false;
    const one = cluster.start("one", {
      script: {
        call: ({ verb }) => {
          if (isDead) return { refusal: new KubeError(0, "NoAnswer", "") };
          return isSlow && verb === "replace" ? { answerDelayMilliseconds } : undefined;
        },
      },
    });
    await cluster.clock.advance(1_000);
    cluster.start("two");
    await cluster.clock.advance(59_500);
    isSlow = true;
    await cluster.clock.advance(2_000);
    isDead = true;
    await cluster.clock.advance(12_000);
    expect(one.candidate.outcome).toBe("Lost");
    await cluster.clock.advance(30_000);
    expect(cluster.mostLeaders).toBe(1);
  },
);

test("a lease that somebody else holds is lost at once", async () => {
  const cluster = new Cluster();
  const one = cluster.start("one");
  await cluster.clock.advance(5_000);
  const stored = await cluster.server.get(LEASE);
  await cluster.server.replace(
    { ...stored, spec: { holderIdentity: "by hand", leaseDurationSeconds: 15 } },
    {
      fieldManager: "kubectl",
    },
  );
  await cluster.clock.advance(2_000);
  expect(one.candidate.outcome).toBe("Lost");
});

test("wall clocks are not compared: a holder whose clock is an hour behind keeps its lease", async () => {
  const cluster = new Cluster();
  const { clock } = cluster;
  const behind: Clock = {
    now: () => clock.now() - 3_600_000,
    monotonic: () => clock.monotonic(),
    schedule: (delay, callback) => clock.schedule(delay, callback),
  };
  cluster.start("one", { clock: behind });
  await clock.advance(1_000);
  cluster.start("two");
  await clock.advance(120_000);
  expect([...cluster.leaders]).toEqual(["one"]);
});

test("one that is stopped while it takes the lease gives it back without leading", async () => {
  const cluster = new Cluster();
  const one = cluster.start("one", { script: { call: () => ({ answerDelayMilliseconds: 1_000 }) } });
  await cluster.clock.advance(500);
  one.stop();
  await cluster.clock.advance(10_000);
  expect(one.candidate.outcome).toBe("Stopped");
  expect(cluster.mostLeaders).toBe(0);
  expect(await cluster.spec()).toMatchObject({ holderIdentity: "" });
});

test("one that is stopped while it waits is done", async () => {
  const cluster = new Cluster();
  cluster.start("one");
  await cluster.clock.advance(100);
  const two = cluster.start("two");
  await cluster.clock.advance(5_000);
  two.stop();
  await cluster.clock.runUntilIdle();
  expect(two.candidate.outcome).toBe("Stopped");
  expect(await cluster.spec()).toMatchObject({ holderIdentity: "one" });
});

test("the lease is renewed while a leader stops in good order, and released only after", async () => {
  const cluster = new Cluster();
  const stopping = new AbortController();
  const { clock, server } = cluster;
  const lead = () =>
    new Promise<void>((resolve) =>
      stopping.signal.addEventListener("abort", () => clock.schedule(30_000, resolve)),
    );
  const options = {
    port: server,
    namespace: "ns",
    name: "leader",
    identity: "one",
    clock,
    random: () => 0.5,
    log,
    lead,
  };
  void runLeaderElection(options, stopping.signal);
  await clock.advance(1_000);
  cluster.start("two");
  stopping.abort();
  await clock.advance(29_000);
  expect(await cluster.spec()).toMatchObject({ holderIdentity: "one" });
  await clock.advance(6_000);
  expect(await cluster.spec()).toMatchObject({ holderIdentity: "two" });
});

test("what the leader throws comes out, and the lease runs out by itself", async () => {
  const { clock, server } = new Cluster();
  const lead = () => Promise.reject(new Error("a defect"));
  const options = {
    port: server,
    namespace: "ns",
    name: "leader",
    identity: "one",
    clock,
    random: () => 0.5,
    log,
    lead,
  };
  await expect(runLeaderElection(options, new AbortController().signal)).rejects.toThrow("a defect");
  expect(clock.nextTimerAt()).toBeUndefined();
});

test("there are never two leaders, whatever the network does", async () => {
  const faults = fc.infiniteStream(fc.nat(19));
  const stops = fc.array(fc.nat(40_000), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(faults, stops, async (chances, pauses) => {
      const cluster = new Cluster();
      const script: FaultScript = {
        call: () => {
          const drawn = chances.next().value ?? 19;
          if (drawn === 0) return { refusal: new KubeError(500, "InternalError", "") };
          if (drawn === 1) return { losesAnswer: true };
          if (drawn === 2) return { delayMilliseconds: 12_000 };
          if (drawn === 3) return { answerDelayMilliseconds: 9_000 };
          if (drawn === 4) return { answerDelayMilliseconds: 20_000 };
          return drawn <= 7 ? { delayMilliseconds: drawn * 1_000 } : undefined;
        },
      };
      const start = (index: number) => cluster.start(`candidate-${index}`, { script });
      const started = [start(-2), start(-1)];
      for (const [index, pause] of pauses.entries()) {
        await cluster.clock.advance(pause);
        started.shift()?.stop();
        started.push(start(index));
      }
      await cluster.clock.advance(120_000);
      expect(cluster.mostLeaders).toBeLessThanOrEqual(1);
    }),
    { numRuns: 200 },
  );
}, 60_000);
