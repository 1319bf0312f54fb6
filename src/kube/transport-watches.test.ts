/**
 * Watches of the transport against a server that misbehaves in every way a network and a proxy can.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  answer,
  kubeErrorOf,
  leaseAnswer,
  MisbehavingServer,
} from "../../test/contract/misbehaving-server.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { systemClock } from "../core/clock.ts";
import type { WatchEvent, WatchOptions } from "./port.ts";
import { createTransport, type Transport, type TransportBounds } from "./transport.ts";

let server: MisbehavingServer;
let transport: Transport;

function connect(bounds: Partial<TransportBounds> = {}): Transport {
  transport?.close();
  transport = createTransport({
    endpoint: server.endpoint(),
    clock: systemClock,
    userAgent: "test/1",
    bounds,
  });
  return transport;
}

beforeEach(async () => {
  server = new MisbehavingServer();
  await server.start();
});

afterEach(async () => {
  transport.close();
  await server.stop();
});

async function watchAll(options: Partial<WatchOptions> = {}, signal = new AbortController().signal) {
  const events: WatchEvent[] = [];
  for await (const event of transport.watch(
    RESOURCE.lease,
    { namespace: "ns", timeoutSeconds: 30, ...options },
    signal,
  )) {
    events.push(event);
  }
  return events;
}

const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (resourceVersion: string, annotations = {}) =>
  line("BOOKMARK", { kind: "Lease", metadata: { resourceVersion, annotations } });

test("events arrive whole, however their bytes are cut", async () => {
  const object = leaseAnswer({ annotations: { note: "größer ✓" } });
  const text = Buffer.from(line("ADDED", object) + bookmark("8") + line("DELETED", object));
  server.handle = (_request, response) => {
    response.writeHead(200);
    let at = 0;
    const send = () => {
      const part = text.subarray(at, at + 7);
      at += 7;
      if (part.length === 0) response.end();
      else response.write(part, () => setImmediate(send));
    };
    send();
  };
  connect();
  expect(await watchAll()).toEqual([
    { type: "ADDED", object },
    { type: "BOOKMARK", resourceVersion: "8", initialEventsEnd: false },
    { type: "DELETED", object },
  ]);
});

test("a WatchList asks for the initial events and knows their end", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.end(bookmark("8", { "k8s.io/initial-events-end": "true" }));
  };
  connect();
  expect(await watchAll({ sendInitialEvents: true })).toMatchObject([{ initialEventsEnd: true }]);
  expect(server.seen[0]?.url).toContain("allowWatchBookmarks=true&timeoutSeconds=30&sendInitialEvents=true");
  expect(server.seen[0]?.url).toContain("resourceVersionMatch=NotOlderThan");
});

test("a watch on a half-open connection does not last for ever (client-node #596, #2665)", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", leaseAnswer()));
  };
  connect({ watchGraceMilliseconds: 50 });
  const error = await kubeErrorOf(watchAll({ timeoutSeconds: 0.1 }));
  expect(error).toMatchObject({ status: 0, reason: "NoAnswer" });
  expect(error.message).toContain("silent for 150 ms");
});

test("a watch that never hears anything does not last for ever, either", async () => {
  server.handle = (_request, response) => response.writeHead(200).flushHeaders();
  connect({ watchGraceMilliseconds: 50 });
  expect((await kubeErrorOf(watchAll({ timeoutSeconds: 0.1 }))).message).toContain("silent for 150 ms");
});

test("a watch lives as long as it hears bookmarks (client-node #3020: 30 s)", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    for (let beat = 1; beat <= 6; beat += 1) setTimeout(() => response.write(bookmark(`${beat}`)), beat * 60);
    setTimeout(() => response.end(), 400);
  };
  connect({ watchGraceMilliseconds: 100 });
  expect(await watchAll({ timeoutSeconds: 0.1 })).toHaveLength(6);
});

test("a watch whose answer never starts is broken", async () => {
  server.handle = () => {};
  connect({ watchStartTimeoutMilliseconds: 50 });
  expect((await kubeErrorOf(watchAll())).message).toContain("within 50 ms");
});

test("credentials that never come break the watch", async () => {
  const hanging = { ...server.endpoint(), credentials: () => new Promise<never>(() => {}) };
  const bounds = { watchStartTimeoutMilliseconds: 50 };
  transport = createTransport({ endpoint: hanging, clock: systemClock, userAgent: "test/1", bounds });
  expect((await kubeErrorOf(watchAll())).message).toContain("within 50 ms");
});

test("a clean end is an end, an end in the middle of an event is an error", async () => {
  const text = line("ADDED", leaseAnswer());
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.end(server.seen.length === 1 ? text : text.slice(0, -10));
  };
  connect();
  expect(await watchAll()).toHaveLength(1);
  expect((await kubeErrorOf(watchAll())).message).toContain("in the middle of a line");
});

test("a connection that breaks is an error", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", leaseAnswer()), () => response.destroy());
  };
  connect();
  expect(await kubeErrorOf(watchAll())).toMatchObject({ status: 0, reason: "NoAnswer" });
});

test("an event beyond the bound ends the watch", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", leaseAnswer({ annotations: { note: "x".repeat(2_000) } })));
  };
  connect({ maximumLineBytes: 1_000 });
  expect((await kubeErrorOf(watchAll())).message).toContain("longer than 1000 bytes");
});

test.each([
  ["as an event", 200, line("ERROR", { code: 410, reason: "Expired", message: "too old" })],
  ["as an answer", 410, JSON.stringify({ code: 410, reason: "Expired", message: "too old" })],
])("a version that is too old is 410 Expired %s", async (_how, status, body) => {
  server.handle = (_request, response) => answer(response, status, body);
  connect();
  expect(await kubeErrorOf(watchAll({ resourceVersion: "1" }))).toMatchObject({
    status: 410,
    reason: "Expired",
  });
});

test("an event of an unknown type is an error, not skipped", async () => {
  server.handle = (_request, response) => answer(response, 200, line("RENAMED", leaseAnswer()));
  connect();
  expect(await kubeErrorOf(watchAll())).toMatchObject({ reason: "BadAnswer" });
});

test("an aborted watch ends without an error and closes its connection", async () => {
  const controller = new AbortController();
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", leaseAnswer()), () => controller.abort());
  };
  connect();
  await watchAll({}, controller.signal);
  await expect(until(() => server.connections === 0)).resolves.toBe(true);
});

test("a watch that its consumer leaves closes its connection", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", leaseAnswer()));
  };
  const events = connect().watch(RESOURCE.lease, { timeoutSeconds: 30 }, new AbortController().signal);
  for await (const _event of events) break;
  await expect(until(() => server.connections === 0)).resolves.toBe(true);
});

async function until(holds: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && !holds(); attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return holds();
}
