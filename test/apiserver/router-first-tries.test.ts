/**
 * What a router counts of first tries, and what gates conclude of it: the real Envoy, whose clients see nothing of what is
 * wrong with a candidate, and stand-ins for model servers, all on loopback.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import type { GateSpec } from "../../src/api/rollout-gates.ts";
import type { PlannedPool, TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { Judgement } from "../../src/core/rollout/gates/judgement.ts";
import { GATE_KINDS } from "../../src/core/rollout/gates/register.ts";
import { countingEnvoy } from "../../src/router/envoy-administration.ts";
import { FirstTryCounter } from "../../src/router/first-try-counter.ts";
import type { ArmTries, TryWindow } from "../../src/stats/first-tries.ts";
import { silentLogger } from "../fixtures/silent-logger.ts";
import { VirtualClock } from "../memory-cluster/virtual-clock.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { endpoint, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, type Outcome, openLoop, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(180_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 73;
const PER_SECOND = 200;
/** Envoy puts its threads' histograms together every 5 seconds. */
const FLUSH_MILLISECONDS = 6_000;
const MINUTE = 60_000;
const next: PlannedPool = { pool: "gpu", revision: "r2", replicas: 1 };

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET);
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

const candidate = () => world.server(world.second);

/** Half of the traffic for each; behind the candidate's own pool is that of stable. */
function split(): Promise<TrafficPlan> {
  return newPlan([
    { name: "Stable", weight: 5_000, pools: [gpu] },
    { name: "Candidate", weight: 5_000, pools: [next, gpu] },
  ]);
}

/** A router's counter, whose minutes are as long as the test wants them to be. */
class Counting {
  readonly #clock = new VirtualClock();
  readonly #counter: FirstTryCounter;
  readonly #stop = new AbortController();
  readonly #name: string;
  #readings = 0;

  constructor(name: string) {
    this.#name = name;
    const envoy = countingEnvoy(world.envoy.place.adminPort);
    this.#counter = new FirstTryCounter({
      clock: this.#clock,
      log: silentLogger,
      envoy: {
        firstTries: async (deployments) => {
          const report = await envoy.firstTries(deployments);
          this.#readings += 1;
          return { ...report, uptimeSeconds: this.#clock.monotonic() / 1_000 };
        },
      },
    });
    void this.#counter.run(this.#stop.signal);
  }

  /** Notes a plan that is in effect, and waits until what follows is counted. */
  async begin(plan: TrafficPlan): Promise<void> {
    const traffic = world.envoy.planned(this.#name, plan);
    const acknowledgement = world.envoy.acknowledgement(this.#name);
    this.#counter.note(
      new Map([[this.#name, { traffic, endpoints: [] }]]),
      new Map([[this.#name, acknowledgement]]),
    );
    await delay(FLUSH_MILLISECONDS);
    await this.#minute();
    await this.#minute();
  }

  /** Ends a minute; what was counted in it. */
  async end(): Promise<TryWindow> {
    await delay(FLUSH_MILLISECONDS);
    await this.#minute();
    const window = this.#counter.firstTries(this.#name).windows.at(-1);
    if (window === undefined) throw new Error("no minute is counted");
    return window;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #minute(): Promise<void> {
    const before = this.#readings;
    await this.#clock.advance(MINUTE - (this.#clock.now() % MINUTE));
    await until("Envoy is read", () => this.#readings > before);
    // What was read is taken in after it has come.
    await delay(10);
  }

  /** What a gate says of the minute, with enough warm pods. */
  judge(gate: GateSpec, window: TryWindow): Judgement {
    const { edgesMilliseconds: latencyEdgesMilliseconds } = this.#counter.firstTries(this.#name);
    const armOf = ({ tries, errors, latencies }: ArmTries) => ({
      warmPods: 2,
      minutes: [{ firstTries: tries, errors, latencies }],
    });
    const value = {
      latencyEdgesMilliseconds,
      candidate: armOf(window.candidate),
      stable: armOf(window.stable),
    };
    return GATE_KINDS[gate.type].judge({
      name: gate.name,
      settings: gate,
      step: { nowMilliseconds: 0, weight: 5_000, isLast: true, inEffectAtMilliseconds: 0 },
      evidence: {
        queries: new Map(),
        hooks: new Map(),
        service: { kind: "Whole", atMilliseconds: 0, value },
      },
      harmGates: 0,
    });
  }
}

const LATENCY: GateSpec = { name: "latency", type: "Latency", latency: { quantile: "p90", max: "100ms" } };
const ERRORS: GateSpec = { name: "errors", type: "Errors", errors: { max: "10%" } };

interface Seen {
  readonly window: TryWindow;
  readonly outcomes: readonly Outcome[];
  readonly verdicts: readonly string[];
}

/** A trial that is repeated is another ModelDeployment: Envoy counts on. */
let trials = 0;

/** Sends a load for some seconds, of one protocol, and looks at what was counted. */
async function seen(
  what: string,
  protocol: "rest" | "grpc",
  seconds: number,
  changes: Partial<TrafficPlan> = {},
): Promise<Seen> {
  trials += 1;
  const name = `${what}-${trials}`;
  const plan = { ...(await split()), ...changes };
  await world.envoy.serve(name, plan, [
    ...world.first.map((ip) => endpoint(ip, "gpu")),
    endpoint(world.second, "gpu", "r2"),
  ]);
  const counting = new Counting(name);
  try {
    await counting.begin(plan);
    const load = (client: Client) => openLoop(client, PER_SECOND, seconds * 1_000);
    const outcomes = await withClients(plan.port, (clients) => load(clients[protocol]));
    const window = await counting.end();
    const verdicts = [LATENCY, ERRORS].map((gate) => counting.judge(gate, window).verdict);
    return { window, outcomes, verdicts };
  } finally {
    counting.stop();
    world.envoy.forget(name);
  }
}

const failures = ({ outcomes }: Seen, good: number) => outcomes.filter(({ status }) => status !== good);

test.each([
  ["rest", 200],
  ["grpc", 0],
] as const)("over %s a good candidate is counted whole, and passes", (protocol, good) =>
  world.undisturbed(async () => {
    const result = await seen(`good-${protocol}`, protocol, 4);
    const { window, outcomes, verdicts } = result;
    expect(failures(result, good)).toEqual([]);
    expect(window.candidate.tries + window.stable.tries).toBe(outcomes.length);
    expect(window.candidate.errors + window.stable.errors).toBe(0);
    expect(window.candidate.latencies.reduce((sum, count) => sum + count)).toBe(window.candidate.tries);
    expect(verdicts).toEqual(["Pass", "Pass"]);
  }),
);

test.each([
  ["rest", 200],
  ["grpc", 0],
] as const)(
  "over %s what goes to stable without a user is load of it, and is not compared",
  (protocol, good) =>
    world.undisturbed(async () => {
      const stickiness = { header: "x-user", anonymous: "Stable", salt: "s" } as const;
      const result = await seen(`anonymous-${protocol}`, protocol, 4, { stickiness });
      const { window, outcomes, verdicts } = result;
      expect(failures(result, good)).toEqual([]);
      expect([window.candidate.tries, window.stable.tries]).toEqual([0, 0]);
      expect(window.uncompared).toBe(outcomes.length);
      expect(verdicts).not.toContain("Pass");
    }),
);

test("a candidate that answers slowly fails by its latency alone", () =>
  world.undisturbed(async () => {
    candidate().serviceMilliseconds = 150;
    const result = await seen("slow", "rest", 4);
    expect(failures(result, 200)).toEqual([]);
    expect(result.window.candidate.errors).toBe(0);
    expect(result.verdicts).toEqual(["Fail", "Pass"]);
  }));

test("a candidate whose tries are given up for their time is slow, and fails, though stable answers in its place", () =>
  world.undisturbed(async () => {
    candidate().serviceMilliseconds = 400;
    const result = await seen("late", "rest", 4);
    expect(failures(result, 200)).toEqual([]);
    expect(result.window.candidate.errors).toBeGreaterThan(0);
    expect(result.window.stable.errors).toBe(0);
    expect(result.verdicts).toEqual(["Fail", "Fail"]);
  }));

test.each([
  ["rest", 200],
  ["grpc", 0],
] as const)(
  "over %s a candidate whose first tries fail does so, though every request is answered well by a retry",
  (protocol, good) =>
    world.undisturbed(async () => {
      candidate().become("UnavailableThoughReady");
      const result = await seen(`failing-${protocol}`, protocol, 12);
      const { window, verdicts } = result;
      expect(failures(result, good)).toEqual([]);
      expect(candidate().inferences).toBeGreaterThan(0);
      expect(window.candidate.errors).toBe(window.candidate.tries);
      // The retries of the candidate's requests that stable answers are no tries of stable.
      expect(window.stable.errors).toBe(0);
      expect(window.candidate.tries).toBe(candidate().inferences);
      expect(verdicts[1]).toBe("Fail");
      expect(verdicts[0]).not.toBe("Pass");
    }),
);

test("overload is an error of the first try", () =>
  world.undisturbed(async () => {
    candidate().become("Overloaded");
    const { window, verdicts } = await seen("overloaded", "rest", 4);
    expect(window.candidate.errors).toBe(window.candidate.tries);
    expect(verdicts[1]).toBe("Fail");
  }));

test("nothing is counted of a plan that does not split the traffic", () =>
  world.undisturbed(async () => {
    const plan = await newPlan([stableArm(gpu)]);
    await world.envoy.serve("whole", plan, world.endpoints);
    await withClients(plan.port, ({ rest }) => openLoop(rest, PER_SECOND, 1_000));
    await delay(FLUSH_MILLISECONDS);
    const { counted } = await countingEnvoy(world.envoy.place.adminPort).firstTries(["whole"]);
    expect(counted.has("whole")).toBe(false);
    world.envoy.forget("whole");
  }));
