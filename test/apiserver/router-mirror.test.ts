/**
 * How a router's Envoy mirrors requests to a candidate: the real Envoy, stand-ins for model servers, all on loopback.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { countingEnvoy } from "../../src/router/envoy-administration.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import type { Behaviour } from "./router-envoy/model-server.ts";
import { endpoint, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { type Client, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 79;
const REQUESTS = 400;
/** Requests that are under way at once. */
const AT_ONCE = 20;

let world: ModelWorld;
beforeAll(async () => {
  // Answers are counted, so that the access log is there; nobody posts labels here.
  world = await startModelWorld(SUBNET, { collector: { host: "127.0.0.1", port: 9 } });
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

const candidate = () => world.server(world.second);
const stables = () => world.first.map((ip) => world.server(ip));
const originals = () => stables().reduce((sum, { inferences }) => sum + inferences, 0);

async function mirroring(name: string, share: number, more: Partial<TrafficPlan> = {}): Promise<TrafficPlan> {
  const plan = await newPlan([stableArm(gpu)], {
    feedback: { userHeader: "x-user-id", excludeHeader: "x-load-test" },
    mirror: { share, pools: [{ pool: "gpu", revision: "r2", replicas: 1 }] },
    ...more,
  });
  const endpoints = [...world.first.map((ip) => endpoint(ip, "gpu")), endpoint(world.second, "gpu", "r2")];
  await world.envoy.serve(name, plan, endpoints);
  return plan;
}

/** Sends requests, every one of which has to be answered by stable. How long each took, in milliseconds. */
async function sendAll(
  client: Client,
  count = REQUESTS,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const start = performance.now();
        const answer = await client.send(Buffer.from("{}"), headers);
        times.push(performance.now() - start);
        expect(answer.status).toBe(client.good);
        expect(answer.headers["x-petrel-revision"]).toBe("r1");
      }),
    );
  }
  return times.toSorted((left, right) => left - right);
}

describe.each(["rest", "grpc"] as const)("over %s", (protocol) => {
  test("the wanted share is mirrored, and both requests say what they are", () =>
    world.undisturbed(async () => {
      const { port } = await mirroring(`share-${protocol}`, 2_500);
      await withClients(port, async (clients) => {
        await sendAll(clients[protocol]);
        await delay(300);
        // Four standard deviations of a quarter of all requests.
        expect(Math.abs(candidate().inferences - 100)).toBeLessThanOrEqual(4 * Math.sqrt(400 * 0.25 * 0.75));
        expect(originals()).toBe(REQUESTS);
        expect(candidate().lastHeaders).toMatchObject({
          "x-petrel-shadow": "Copy",
          "x-petrel-arm": "Mirror",
          "x-petrel-epoch": "1",
        });
      });
    }));

  test("original and copy have one id, one user and one body; what a client says of itself is not believed", () =>
    world.undisturbed(async () => {
      const { port } = await mirroring(`id-${protocol}`, 10_000);
      await withClients(port, async (clients) => {
        await clients[protocol].send(Buffer.from("{}"), {
          "x-user-id": "ann",
          "x-petrel-shadow": "Copy",
          "x-petrel-arm": "Mirror",
          "x-load-test": "1",
        });
        await until("the copy has come", () => candidate().inferences === 1);
        const original = stables().find(({ inferences }) => inferences === 1)?.lastHeaders;
        expect(original).toMatchObject({
          "x-petrel-shadow": "Original",
          "x-petrel-arm": "Stable",
          "x-petrel-user": "ann",
          "x-petrel-excluded": "1",
        });
        expect(candidate().lastHeaders).toMatchObject({
          "x-request-id": original?.["x-request-id"],
          "x-petrel-user": "ann",
          "x-petrel-excluded": "1",
        });
      });
    }));

  test("what is not mirrored is not marked", () =>
    world.undisturbed(async () => {
      const { port } = await mirroring(`unmarked-${protocol}`, 1);
      await withClients(port, async (clients) => {
        await sendAll(clients[protocol], AT_ONCE, { "x-petrel-shadow": "Copy" });
        expect(stables().map(({ lastHeaders }) => lastHeaders["x-petrel-shadow"])).toEqual([
          undefined,
          undefined,
        ]);
      });
    }));

  test.each<Behaviour>(["Hang", "Reset", "UnavailableThoughReady", "Overloaded"])(
    "a candidate that does %s costs its clients nothing, and no copy is sent twice",
    (behaviour) =>
      world.undisturbed(async () => {
        const { port } = await mirroring(`${behaviour.toLowerCase()}-${protocol}`, 10_000);
        await withClients(port, async (clients) => {
          await sendAll(clients[protocol]);
          await until("all copies have come", () => candidate().inferences === REQUESTS);
          candidate().become(behaviour);
          const times = await sendAll(clients[protocol]);
          await delay(1_000);
          expect(candidate().inferences).toBeLessThanOrEqual(2 * REQUESTS);
          // Every request has a copy: if they waited for those, each would take a try, which is 200 ms.
          expect(times[REQUESTS / 2]).toBeLessThan(100);
        });
      }),
  );
});

test("copies are no first tries of any arm, and no impressions", () =>
  world.undisturbed(async () => {
    const { port } = await mirroring("uncounted", 10_000);
    await withClients(port, ({ rest }) => sendAll(rest, 100));
    await until("all copies have come", () => candidate().inferences === 100);
    await delay(6_000);
    const report = await countingEnvoy(world.envoy.place.adminPort).firstTries(["uncounted"]);
    expect(report.strange.size).toBe(0);
    expect(report.counted.get("uncounted")).toBeUndefined();
    const log = await readFile(world.envoy.place.layout.accessLog ?? "", "utf8");
    expect(log).not.toMatch(/shadow/i);
  }));

test("once the plan mirrors nothing, nothing is mirrored", () =>
  world.undisturbed(async () => {
    const plan = await mirroring("ended", 10_000);
    await withClients(plan.port, async ({ rest }) => {
      await sendAll(rest, AT_ONCE);
      await until("the copies have come", () => candidate().inferences === AT_ONCE);
      const { mirror: _mirror, ...without } = plan;
      await world.envoy.serve("ended", { ...without, epoch: 2 }, [
        ...world.first.map((ip) => endpoint(ip, "gpu")),
        endpoint(world.second, "gpu", "r2"),
      ]);
      await sendAll(rest, REQUESTS);
      await delay(300);
      expect(candidate().inferences).toBe(AT_ONCE);
    });
  }));
