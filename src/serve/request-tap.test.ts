/** What the sidecar is told of requests to a real model server, over both protocols. */
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { NO_ARM, type TapEvent } from "../tap/tap-event.ts";
import type { ModelServerOptions } from "./model-server.ts";
import { grpcClient } from "./testdata/grpc-client.ts";
import { infer, MLP_REQUEST } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";
import { startConsumer, type TapConsumer } from "./testdata/tap-consumer.ts";

jest.setTimeout(60_000);

const OBSERVED = parseObserved({
  scores: { output: "score", probability: true },
  features: [{ name: "third", input: "features", column: 2 }],
  userHeader: "x-user-id",
  maximumRows: 3,
});
const HEADERS = {
  "x-petrel-arm": "Candidate",
  "x-petrel-epoch": "9",
  "x-request-id": "00112233-4455-4677-8899-aabbccddeeff",
  "x-user-id": "ann",
};

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A server whose consumer listens, and one event for each request that was made. */
function tapped(
  work: (server: TestServer, next: () => Promise<TapEvent>, consumer: TapConsumer) => Promise<void>,
  options: Partial<ModelServerOptions> = {},
): Promise<void> {
  return inFolder(async (folder) => {
    const socket = join(folder, "tap");
    const consumer = await startConsumer(socket);
    const server = await startReadyServer("mlp", {
      tap: { socket, observed: OBSERVED },
      modelRevision: "m-1",
      ...options,
    });
    let seen = 0;
    const next = async (): Promise<TapEvent> => {
      await until(() => consumer.events.length > seen);
      const event = consumer.events[seen++];
      if (event === undefined) throw new Error("expected an event");
      return event;
    };
    try {
      await until(() => consumer.greetings.length > 0);
      await work(server, next, consumer);
    } finally {
      await server.close();
      await consumer.close();
    }
  });
}

test("REST: arm, epoch, id, user, rows, features, scores, status and time", () =>
  tapped(async (server, next, consumer) => {
    const before = Date.now();
    const { body } = await infer(server, MLP_REQUEST, { headers: HEADERS });
    const event = await next();
    expect(consumer.greetings[0]).toMatchObject({ model: "m", revision: "m-1", columns: ["score", "third"] });
    expect(event).toMatchObject({ arm: 1, epoch: 9, status: 200, rows: 1, describedRows: 1, hasUser: true });
    expect(Buffer.from(event.requestId).toString("hex")).toBe("0011223344554677");
    const [score, third] = event.values;
    expect(third).toBe(3);
    expect(body).toMatchObject({ outputs: [{ data: [score] }] });
    expect(event.timeMilliseconds).toBeGreaterThanOrEqual(before);
    expect(event.latencyMilliseconds).toBeLessThan(Date.now() - before + 1);
  }));

test("gRPC: the same, of the first rows and a drawn one", () =>
  tapped(async (server, next) => {
    const client = grpcClient(server.grpcAddress);
    try {
      const rows = 10;
      const features = Float32Array.from({ length: 4 * rows }, (_, index) => index);
      const answer = await client.inference("ModelInfer", {
        modelName: "m",
        inputs: [{ name: "features", datatype: "FP32", shape: [rows, 4] }],
        rawInputContents: [Buffer.from(features.buffer)],
      });
      expect(answer["modelName"]).toBe("m");
      const event = await next();
      expect(event).toMatchObject({ arm: NO_ARM, status: 200, rows, hasUser: false });
      expect(event.describedRows).toBe(event.drawnRow < 3 ? 3 : 4);
      expect([1, 3, 5].map((index) => event.values[index])).toEqual([2, 6, 10]);
      const drawnThird = event.values[2 * event.drawnRow + 1] ?? Number.NaN;
      expect((drawnThird - 2) % 4).toBe(0);
    } finally {
      client.close();
    }
  }));

test("users are the same tag in the same process, and another in another", async () => {
  const tags: string[] = [];
  const ask = async (server: TestServer, next: () => Promise<TapEvent>, user: string) => {
    await infer(server, MLP_REQUEST, { headers: { "x-user-id": user } });
    tags.push(Buffer.from((await next()).userTag).toString("hex"));
  };
  await tapped(async (server, next) => {
    for (const user of ["ann", "bob", "ann"]) await ask(server, next, user);
  });
  await tapped((server, next) => ask(server, next, "ann"));
  expect(tags[0]).toBe(tags[2]);
  expect(new Set(tags).size).toBe(3);
});

test("a request that is refused is told with its status and no values", () =>
  tapped(async (server, next) => {
    await infer(server, { inputs: [] });
    expect(await next()).toMatchObject({ status: 400, rows: 0, describedRows: 0 });
  }));

test("what became of events is in the server's metrics, and nothing is there without a tap", () =>
  tapped(async (server, next) => {
    await infer(server, MLP_REQUEST);
    await next();
    const shown = async () => await (await fetch(server.metricsUrl)).text();
    let text = "";
    while (!text.includes('petrel_serve_tap_events_total{result="sent"} 1')) text = await shown();
    expect(text).toContain('petrel_serve_tap_events_total{result="dropped"} 0');
    expect(text).toContain("petrel_serve_tap_connected 1");
    const without = await startReadyServer("mlp");
    try {
      expect(await (await fetch(without.metricsUrl)).text()).not.toContain("petrel_serve_tap");
    } finally {
      await without.close();
    }
  }));

test("a server whose consumer never comes serves as any other, and ends", () =>
  inFolder(async (folder) => {
    const server = await startReadyServer("mlp", {
      tap: { socket: join(folder, "nobody"), observed: OBSERVED },
    });
    expect((await infer(server, MLP_REQUEST)).status).toBe(200);
    const text = await (await fetch(server.metricsUrl)).text();
    expect(text).toContain('petrel_serve_tap_events_total{result="dropped"} 1');
    expect((await server.server.drain()).cutOff).toBe(0);
    await server.close();
  }));
