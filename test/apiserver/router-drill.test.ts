/**
 * The faults of drills in a router's Envoy: the real Envoy, stand-ins for model servers, all on loopback. What takes part in a
 * drill meets its fault, and nothing else does.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { FaultType } from "../../src/api/failover-drill.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { plannedDrill } from "../../src/core/drill/planned-drill.ts";
import { faultFlagOf, isClear, type WitnessAnswer } from "../../src/faults/fault.ts";
import { FAULTS } from "../../src/faults/register.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, type Outcome, openLoop, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 81;
const PER_SECOND = 40;
/** Ample: what is tested is who meets a fault, not how soon; a machine that is busy must not look like one. */
const TIMES = { timeout: "6s", perTryTimeout: "2s" };
const KEY = "k".repeat(32);
const SETTINGS = { PoolLoss: {}, Errors: { status: 503 }, Latency: { delay: "120ms" }, Hang: {} } as const;
const FAULT_TYPES: readonly FaultType[] = ["PoolLoss", "Errors", "Latency", "Hang"];
type Protocol = "rest" | "grpc";

let world: ModelWorld;
beforeAll(async () => {
  // Answers are counted, so that the access log is there; nobody posts labels here.
  world = await startModelWorld(SUBNET, { collector: { host: "127.0.0.1", port: 9 } });
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

/** One ModelDeployment with a drill, whose plan goes from step to step. */
class Drill {
  readonly #name: string;
  readonly #fault: FaultType;
  #plan: TrafficPlan;

  constructor(name: string, fault: FaultType, plan: TrafficPlan) {
    this.#name = name;
    this.#fault = fault;
    this.#plan = plan;
  }

  static async begin(name: string, fault: FaultType): Promise<Drill> {
    const drill = new Drill(name, fault, await newPlan([stableArm(gpu, cpu)], { feedback: {}, ...TIMES }));
    await drill.ask("Probes");
    await drill.settle();
    return drill;
  }

  /** The sockets of the stand-ins open with the routes: each one's health is checked again within half a second. */
  async settle(): Promise<void> {
    await withClients(this.port, ({ rest, grpc }) =>
      until("the target answers", async () => {
        const answers = await Promise.all(
          [rest, grpc].map(async (client) => {
            const probes = await openLoop(probing(client), PER_SECOND, 500);
            return pools(probes).join() === "gpu" && failures(probes, client).length === 0;
          }),
        );
        return answers.every((isTarget) => isTarget) && isClear(answerOf(await this.witness(rest)));
      }),
    );
  }

  get port(): number {
    return this.#plan.port;
  }

  async ask(routes: "None" | "Probes" | "Fault", change: Partial<TrafficPlan> = {}): Promise<void> {
    const { drill: _before, ...before } = this.#plan;
    const plan = { ...before, ...change };
    const routed = {
      name: "weekly",
      pool: "gpu",
      key: KEY,
      effect: FAULTS[this.#fault].plan(SETTINGS[this.#fault]),
      longestMilliseconds: 60_000,
    };
    const expiryMilliseconds = Date.parse("2100-01-01T00:00:00Z");
    const asked = routes === "Fault" ? { routes, expiryMilliseconds } : { routes };
    this.#plan = { ...plan, epoch: plan.epoch + 1, ...plannedDrill(asked, routed) };
    await world.envoy.serve(this.#name, this.#plan, world.endpoints);
  }

  witness(client: Client): Promise<Outcome> {
    return client.send(Buffer.from("{}"), { "x-petrel-drill": `${KEY}-witness` });
  }
}

function answerOf({ status, headers }: Outcome): WitnessAnswer {
  return { ...(status === undefined ? {} : { status }), ...faultFlagOf(headers["x-petrel-fault"]) };
}

/** The client's requests as those of a prober. */
function probing({ send, ...client }: Client): Client {
  return { ...client, send: (body) => send(body, { "x-petrel-drill": KEY }) };
}

function pools(outcomes: readonly Outcome[]): readonly string[] {
  return [...new Set(outcomes.map(({ headers }) => String(headers["x-petrel-pool"])))].toSorted();
}

const failures = (outcomes: readonly Outcome[], { good }: Client) =>
  outcomes.filter(({ status }) => status !== good);

describe.each<Protocol>(["rest", "grpc"])("over %s", (protocol) => {
  test.each(FAULT_TYPES)("%s bites probes alone, costs none of them, and ends with the plan", (fault) =>
    world.undisturbed(async () => {
      const drill = await Drill.begin(`${fault.toLowerCase()}-${protocol}`, fault);
      await withClients(drill.port, async (clients) => {
        const client = clients[protocol];
        const load = (one: Client) => openLoop(one, PER_SECOND, 1_500);
        const control = await load(probing(client));
        expect(failures(control, client)).toEqual([]);
        expect(pools(control)).toEqual(["gpu"]);

        await drill.ask("Fault");
        const met = answerOf(await drill.witness(clients.rest));
        expect([met, FAULTS[fault].isMet(met)]).toEqual([met, true]);
        const [probes, others] = await Promise.all([load(probing(client)), load(client)]);
        expect(failures(probes, client)).toEqual([]);
        // Slow answers are answers: nothing fails over for them.
        expect(pools(probes)).toEqual(fault === "Latency" ? ["gpu"] : ["cpu"]);
        expect(failures(others, client)).toEqual([]);
        expect(others.every(({ headers }) => headers["x-petrel-pool"] === undefined)).toBe(true);
        if (fault === "Latency")
          expect(Math.min(...probes.map(({ milliseconds }) => milliseconds))).toBeGreaterThan(115);
        expect(answerOf(await drill.witness(clients.rest))).toEqual(met);

        await drill.ask("Probes");
        expect(isClear(answerOf(await drill.witness(clients.rest)))).toBe(true);
        // What was ejected comes back with its next check of health.
        await until(
          "the target answers probes again",
          async () => pools(await load(probing(client)))[0] === "gpu",
        );
        const after = await load(probing(client));
        expect(failures(after, client)).toEqual([]);
        expect(pools(after)).toEqual(["gpu"]);
      });
      world.envoy.forget(`${fault.toLowerCase()}-${protocol}`);
    }),
  );
});

test("replicas of the target come and go under the fault: each plan is taken, and the fault ends when asked", () =>
  world.undisturbed(async () => {
    const drill = await Drill.begin("scaled", "PoolLoss");
    await withClients(drill.port, async ({ rest }) => {
      await drill.ask("Fault");
      for (const replicas of [3, 2, 40, 1]) {
        await drill.ask("Fault", { arms: [stableArm({ ...gpu, replicas }, cpu)] });
        const met = answerOf(await drill.witness(rest));
        expect([met, FAULTS.PoolLoss.isMet(met)]).toEqual([met, true]);
      }
      await drill.ask("Probes", { arms: [stableArm(gpu, cpu)] });
      await until("no witness meets the fault", async () => isClear(answerOf(await drill.witness(rest))));
    });
    world.envoy.forget("scaled");
  }));

test("errors of the target's own are told from those of a fault", () =>
  world.undisturbed(async () => {
    const drill = await Drill.begin("own-errors", "PoolLoss");
    for (const ip of world.first) world.server(ip).become("UnavailableThoughReady");
    await withClients(drill.port, async ({ rest }) => {
      const answer = answerOf(await drill.witness(rest));
      expect(answer).toEqual({ status: 503 });
      expect(FAULTS.PoolLoss.isMet(answer) || isClear(answer)).toBe(false);
    });
    world.envoy.forget("own-errors");
  }));

test("model servers see nothing of the key, and are told not to count; without the drill the key means nothing", () =>
  world.undisturbed(async () => {
    const drill = await Drill.begin("unseen", "PoolLoss");
    await withClients(drill.port, async ({ rest }) => {
      await probing(rest).send(Buffer.from("{}"));
      const seen = world.first.map((ip) => world.server(ip)).find(({ inferences }) => inferences > 0);
      expect(JSON.stringify(seen?.lastHeaders)).not.toContain(KEY);
      expect(seen?.lastHeaders).toMatchObject({ "x-petrel-excluded": "1", "x-petrel-arm": "Drill" });
      expect(seen?.lastHeaders["x-petrel-time"]).toBeUndefined();
      await drill.ask("Fault");
      await drill.ask("None");
      const answer = await probing(rest).send(Buffer.from("{}"));
      expect([answer.status, answer.headers["x-petrel-pool"]]).toEqual([200, undefined]);
      expect(await readFile(world.envoy.place.layout.listeners, "utf8")).not.toContain("petrel-fault/unseen");
      // The next drill has the same sockets.
      await drill.ask("Probes");
      await drill.settle();
    });
    world.envoy.forget("unseen");
  }));
