/**
 * What a router's Envoy lets clients do, and what not: the real Envoy, stand-ins for model servers, all on loopback.
 * Times of minutes are shown at seconds; golden files hold those that are in effect.
 */
import { once } from "node:events";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { asList, asRecord } from "../../src/api/json.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { JsonObject } from "../../src/render/envoy/resource.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { cpu, gpu, type ModelWorld, startModelWorld } from "./router-envoy/model-world.ts";
import { restClient, withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

/** Stand-ins of this file have their own addresses: files run at the same time. */
const SUBNET = 65;
const MAXIMUM_CONNECTIONS = 40;
const MIB = 2 ** 20;

let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld(SUBNET, { maximumConnections: MAXIMUM_CONNECTIONS });
});
afterAll(() => world?.stop());
beforeEach(() => world.reset());

/** Serves a ModelDeployment whose listener has other limits. */
async function serveWith(
  name: string,
  limits: JsonObject,
  more: Partial<TrafficPlan> = {},
): Promise<TrafficPlan> {
  const plan = await newPlan([stableArm(gpu, cpu)], { timeout: "20s", perTryTimeout: "20s", ...more });
  const planned = world.envoy.planned(name, plan);
  const { configuration } = planned;
  const [chain] = asList(configuration.listener["filter_chains"]);
  const [filter] = asList(asRecord(chain)?.["filters"]);
  const manager = asRecord(asRecord(filter)?.["typed_config"]);
  for (const field of Object.keys(limits)) expect(manager).toHaveProperty([field]);
  const filters = [{ ...asRecord(filter), typed_config: { ...manager, ...limits } }] as JsonObject[];
  const chains = [{ ...asRecord(chain), filters }] as JsonObject[];
  const listener = { ...configuration.listener, filter_chains: chains };
  await world.envoy.serve(name, plan, world.endpoints, {
    ...planned,
    configuration: { ...configuration, listener, listenerHash: `${configuration.listenerHash}-${name}` },
  });
  return plan;
}

/** A connection that sends some bytes and then nothing; resolves with all that came when the other side ends it. */
async function answerTo(
  port: number,
  bytes: string,
): Promise<{ readonly text: string; readonly afterMilliseconds: number }> {
  const socket = connect(port, "127.0.0.1");
  const start = performance.now();
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => {}).write(bytes);
  await once(socket, "close");
  return { text, afterMilliseconds: performance.now() - start };
}

const HEAD = "POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\n";

describe("headers", () => {
  test("of more than 32 KiB are refused with 431", async () => {
    const plan = await serveWith("large-headers", {});
    await withClients(plan.port, async ({ rest }) => {
      expect(await rest.send(undefined, { "x-large": "a".repeat(30 * 1024) })).toMatchObject({ status: 200 });
      expect(await rest.send(undefined, { "x-large": "a".repeat(33 * 1024) })).toMatchObject({ status: 431 });
    });
  });

  test("that are more than 100 are refused with 431", async () => {
    const plan = await serveWith("many-headers", {});
    const headers = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "a"]));
    await withClients(plan.port, async ({ rest }) => {
      expect(await rest.send(undefined, headers(80))).toMatchObject({ status: 200 });
      expect(await rest.send(undefined, headers(101))).toMatchObject({ status: 431 });
    });
  });

  test("that do not come within 10 s end the connection", async () => {
    const plan = await serveWith("slow-headers", {});
    const { text, afterMilliseconds } = await answerTo(plan.port, HEAD);
    expect(text).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(afterMilliseconds).toBeGreaterThan(9_000);
  });
});

describe("a body", () => {
  test("that does not come in time is refused with 408", async () => {
    const plan = await serveWith("slow-body", { request_timeout: "2s" });
    const { text, afterMilliseconds } = await answerTo(plan.port, `${HEAD}content-length: 10\r\n\r\nhalf`);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(afterMilliseconds).toBeGreaterThan(1_500);
  });

  test("of more than 17 MiB passes, and is not retried", async () => {
    const plan = await serveWith("huge-body", {});
    await withClients(plan.port, async ({ rest }) => {
      const size = 18 * MIB;
      const outcome = await rest.send(Buffer.alloc(size));
      expect(outcome).toMatchObject({ status: 200 });
      expect(JSON.parse(outcome.body)).toMatchObject({ bodyBytes: size });
      for (const each of world.servers) each.inferences = 0;
      for (const ip of world.first) world.server(ip).become("UnavailableThoughReady");
      expect(await rest.send(Buffer.alloc(size))).toMatchObject({ status: 503 });
      expect(world.servers.reduce((sum, { inferences }) => sum + inferences, 0)).toBe(1);
    });
  });
});

describe("a connection", () => {
  test("that is idle for long ends", async () => {
    const plan = await serveWith("idle", { common_http_protocol_options: { idle_timeout: "2s" } });
    const request = `${HEAD}content-length: 2\r\n\r\n{}`;
    const { text, afterMilliseconds } = await answerTo(plan.port, request);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(afterMilliseconds).toBeGreaterThan(1_500);
  });

  test("that is old ends, and not in the middle of a request", async () => {
    const plan = await serveWith("old", { common_http_protocol_options: { max_connection_duration: "1s" } });
    // Longer than Envoy waits between its first and its second word that an HTTP/2 connection is to end.
    for (const each of world.servers) each.serviceMilliseconds = 8_000;
    await withClients(plan.port, async ({ rest, grpc }) => {
      const [answer, call] = await Promise.all([rest.send(), grpc.send()]);
      expect(answer).toMatchObject({ status: 200 });
      expect(call).toMatchObject({ status: 0 });
      for (const each of world.servers) each.serviceMilliseconds = 0;
      expect(await rest.send()).toMatchObject({ status: 200, headers: { connection: "close" } });
    });
  });
});

test("more connections than allowed are refused, those that are there go on, and metrics are shown", async () => {
  const plan = await serveWith("crowd", {});
  const client = restClient(plan.port, "127.0.0.1", new Agent({ keepAlive: true, maxSockets: 1 }));
  const crowd: Socket[] = [];
  try {
    expect(await client.send()).toMatchObject({ status: 200 });
    for (let count = 0; count < 2 * MAXIMUM_CONNECTIONS; count += 1) {
      const socket = connect(plan.port, "127.0.0.1");
      socket.on("error", () => {}).on("close", () => socket.destroy());
      crowd.push(socket);
    }
    const open = () => crowd.filter(({ destroyed }) => !destroyed).length;
    await until("those that are too many are closed", () => open() < MAXIMUM_CONNECTIONS);
    await delay(500);
    expect(open()).toBeGreaterThanOrEqual(MAXIMUM_CONNECTIONS / 2);
    expect(await client.send()).toMatchObject({ status: 200 });
    const late = restClient(plan.port, "127.0.0.1", new Agent());
    expect(await late.send()).toMatchObject({ status: undefined });
    const stats = await fetch(`http://127.0.0.1:${world.envoy.place.metricsPort}/stats/prometheus`);
    expect(stats.status).toBe(200);
    for (const socket of crowd) socket.destroy();
    await until("there is room again", async () => (await late.send()).status === 200);
  } finally {
    for (const socket of crowd) socket.destroy();
    client.close();
  }
});
