/**
 * A drill whole, without an API: its phases, the prober, and the real Envoy, whose model servers are stand-ins on loopback. What
 * is stored of the drill is kept by the test, which so takes the operator's place.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import type { FaultType } from "../../src/api/failover-drill.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { systemClock } from "../../src/core/clock.ts";
import { advanceDrill } from "../../src/core/drill/advance-drill.ts";
import type { DrillSettings } from "../../src/core/drill/drill-settings.ts";
import { askedOfRouters, type DrillState } from "../../src/core/drill/drill-state.ts";
import { plannedDrill } from "../../src/core/drill/planned-drill.ts";
import { FAULTS } from "../../src/faults/register.ts";
import { ProbeClient } from "../../src/probe/probe-client.ts";
import { Prober } from "../../src/probe/prober.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(240_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 82;
const KEY = "k".repeat(32);
/** 300 probes are needed. */
const SETTINGS: Omit<DrillSettings, "fault"> = {
  objectives: { recoveryMilliseconds: 3_000, availability: 0.99, slowShare: 1 },
  controlMilliseconds: 3_000,
  faultMilliseconds: 6_000,
  failbackMilliseconds: 4_000,
  holdMilliseconds: 2_000,
};

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

/** Repeats a drill whose prober, which shares this process with all servers, was too late to measure anything. */
async function drillOf(name: string, fault: FaultType): Promise<DrillState> {
  for (let left = 5; ; left -= 1) {
    world.reset();
    const state = await runDrill(`${name}-${left}`, fault);
    const { evidence } = state;
    const isLate = [evidence?.control, evidence?.fault].some(
      (sums) => sums !== undefined && sums.late > sums.sent * 0.01,
    );
    if (!isLate || left === 1) return state;
    console.info("the prober was late: the drill is repeated");
  }
}

/** Runs a drill to its end. */
async function runDrill(name: string, fault: FaultType): Promise<DrillState> {
  const plain = await newPlan([stableArm(gpu, cpu)], { timeout: "3s", perTryTimeout: "1s" });
  const routed = {
    name,
    pool: "gpu",
    key: KEY,
    effect: FAULTS[fault].plan({}),
    longestMilliseconds: 120_000,
  };
  const client = new ProbeClient(
    { host: "127.0.0.1", port: plain.port, path: "/v2/models/m/infer", body: Buffer.from("{}") },
    systemClock,
  );
  const prober = new Prober({
    client,
    clock: systemClock,
    key: KEY,
    pool: "gpu",
    fault,
    perSecond: 60,
    witnessesPerSecond: 10,
    timeoutMilliseconds: 4_000,
    slowMilliseconds: 4_000,
    slotMilliseconds: 100,
    longestMilliseconds: 120_000,
  });
  const stop = new AbortController();
  const running = prober.run(stop.signal);
  let state: DrillState | undefined;
  let plan: TrafficPlan = plain;
  let asked = "";
  try {
    await until(
      "the drill ends",
      async () => {
        // The plan follows from what is stored, and only then is there a next state.
        const change = plannedDrill(askedOfRouters(state), routed);
        if (JSON.stringify(change) !== asked) {
          asked = JSON.stringify(change);
          plan = { ...plain, ...change, epoch: plan.epoch + 1 };
          await world.envoy.serve(name, plan, world.endpoints);
        }
        await delay(150);
        const { record } = prober;
        state = advanceDrill({
          nowMilliseconds: systemClock.now(),
          settings: { ...SETTINGS, fault },
          isAcknowledged: world.envoy.acknowledgement(name).serving?.epoch === plan.epoch,
          ...(state === undefined ? {} : { state }),
          ...(record === undefined ? {} : { record }),
        }).state;
        return state.phase === "Ended";
      },
      120_000,
    );
  } finally {
    stop.abort();
    await running;
    client.close();
    world.envoy.forget(name);
  }
  if (state === undefined) throw new Error("there was no drill");
  return state;
}

test.each<FaultType>(["PoolLoss", "Hang"])("%s passes where the next pool answers", (fault) =>
  world.undisturbed(async () => {
    const { verdict, evidence } = await drillOf(`passes-${fault.toLowerCase()}`, fault);
    expect(verdict).toMatchObject({ outcome: "Passed", reason: "WithinObjectives" });
    expect(evidence?.timeline).toMatchObject({
      detected: expect.any(Number),
      moved: expect.any(Number),
      reverted: expect.any(Number),
      failedBack: expect.any(Number),
    });
    expect(evidence?.fault?.bad).toBe(0);
    console.info(`${fault}: ${JSON.stringify(evidence?.timeline)}`);
  }),
);
