/**
 * Calls of the transport against a server that misbehaves in every way a network and a proxy can.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  answer,
  kubeErrorOf,
  LEASE_REFERENCE,
  leaseAnswer,
  MisbehavingServer,
} from "../../test/contract/misbehaving-server.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { systemClock } from "../core/clock.ts";
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

test("unknown fields survive a read and a write (client-node drops them)", async () => {
  const stored = leaseAnswer({ newField: { a: 1 } }, { strategy: "New", nested: [{ x: null }] });
  server.handle = (_request, response, body) => answer(response, 200, body === "" ? stored : body);
  const read = await connect().get(LEASE_REFERENCE);
  expect(read).toEqual(stored);
  expect(await transport.replace(read, { fieldManager: "m" })).toEqual(stored);
  expect(JSON.parse(server.seen[1]?.body ?? "")).toEqual(stored);
});

test("an apply is a PATCH of its own content type, with manager, force and strict validation (client-node #1801)", async () => {
  server.handle = (_request, response, body) => answer(response, 200, body);
  await connect().apply(leaseAnswer(), { fieldManager: "petrel", force: true, subresource: "status" });
  expect(server.seen[0]).toMatchObject({
    method: "PATCH",
    url: "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a/status?fieldManager=petrel&fieldValidation=Strict&force=true",
    headers: { "content-type": "application/apply-patch+yaml", "user-agent": "test/1" },
  });
});

test("a delete carries its precondition", async () => {
  server.handle = (_request, response) => answer(response, 200, {});
  await connect().delete(LEASE_REFERENCE, { uid: "u1" });
  expect(server.seen[0]).toMatchObject({ method: "DELETE" });
  expect(JSON.parse(server.seen[0]?.body ?? "")).toMatchObject({
    preconditions: { uid: "u1" },
    propagationPolicy: "Background",
  });
});

test("credentials are asked for at each request", async () => {
  server.handle = (_request, response) => answer(response, 200, leaseAnswer());
  await connect().get(LEASE_REFERENCE);
  await transport.get(LEASE_REFERENCE);
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer token-1",
    "Bearer token-2",
  ]);
});

test("calls go over one kept-alive connection", async () => {
  server.handle = (_request, response) => answer(response, 200, leaseAnswer());
  connect();
  for (let call = 0; call < 5; call += 1) await transport.get(LEASE_REFERENCE);
  expect(server.connections).toBe(1);
});

test.each([
  [
    409,
    { reason: "Conflict", message: "modified", code: 409 },
    {},
    { reason: "Conflict", message: "modified" },
  ],
  [429, { reason: "TooManyRequests", details: { retryAfterSeconds: 3 } }, {}, { retryAfterSeconds: 3 }],
  [429, "slow down", { "retry-after": "7" }, { reason: "Unknown", retryAfterSeconds: 7 }],
  [
    503,
    "<html>no backend</html>",
    {},
    { message: "the API server answered HTTP 503: <html>no backend</html>" },
  ],
  [500, "", {}, { reason: "Unknown" }],
])("HTTP %s is a refusal in the server's words", async (status, body, headers, expected) => {
  server.handle = (_request, response) => answer(response, status, body, headers);
  expect(await kubeErrorOf(connect().get(LEASE_REFERENCE))).toMatchObject({ status, ...expected });
});

test("a redirect is not followed", async () => {
  server.handle = (_request, response) => answer(response, 302, "", { location: "http://127.0.0.1:1/" });
  expect(await kubeErrorOf(connect().get(LEASE_REFERENCE))).toMatchObject({ status: 302 });
  expect(server.seen).toHaveLength(1);
});

test.each([
  ["not JSON", "{"],
  ["not an object", "[]"],
  ["an object without a name", JSON.stringify({ apiVersion: "v1", kind: "Lease", metadata: {} })],
])("an answer that is %s is no object", async (_what, body) => {
  server.handle = (_request, response) => answer(response, 200, body);
  expect(await kubeErrorOf(connect().get(LEASE_REFERENCE))).toMatchObject({ status: 0, reason: "BadAnswer" });
});

test("an error about an unexpected object does not repeat its values", async () => {
  server.handle = (_request, response) => answer(response, 200, { data: { password: "hunter2" } });
  expect((await kubeErrorOf(connect().get(LEASE_REFERENCE))).message).not.toContain("hunter2");
});

test("a server that accepts and never answers costs the time-out and no more", async () => {
  server.handle = () => {};
  const error = await kubeErrorOf(connect({ callTimeoutMilliseconds: 50 }).get(LEASE_REFERENCE));
  expect(error).toMatchObject({ status: 0, reason: "NoAnswer" });
  expect(error.message).toContain("within 50 ms");
});

test("credentials that never come cost the time-out and no more", async () => {
  const hanging = { ...server.endpoint(), credentials: () => new Promise<never>(() => {}) };
  const bounds = { callTimeoutMilliseconds: 50 };
  transport = createTransport({ endpoint: hanging, clock: systemClock, userAgent: "test/1", bounds });
  expect((await kubeErrorOf(transport.get(LEASE_REFERENCE))).message).toContain("within 50 ms");
});

test("a body that stops half-way costs the time-out and no more", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("{");
  };
  const error = await kubeErrorOf(connect({ callTimeoutMilliseconds: 80 }).get(LEASE_REFERENCE));
  expect(error.message).toContain("within 80 ms");
});

test("a body that is cut off is no answer", async () => {
  server.handle = (_request, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("{", () => response.destroy());
  };
  expect(await kubeErrorOf(connect().get(LEASE_REFERENCE))).toMatchObject({ status: 0, reason: "NoAnswer" });
});

test("a body beyond the bound is not read to its end", async () => {
  server.handle = (_request, response) => answer(response, 200, "x".repeat(5_000));
  const error = await kubeErrorOf(connect({ maximumBodyBytes: 4_000 }).get(LEASE_REFERENCE));
  expect(error.message).toContain("longer than 4000 bytes");
});

test("a refused connection is no answer", async () => {
  connect();
  await server.stop();
  expect(await kubeErrorOf(transport.get(LEASE_REFERENCE))).toMatchObject({ status: 0, reason: "NoAnswer" });
  await server.start();
});

test("a read goes again when the idle connection was closed meanwhile, a write does not", async () => {
  let requests = 0;
  server.handle = (request, response) => {
    requests += 1;
    if (requests % 2 === 0) request.socket.destroy();
    else answer(response, 200, leaseAnswer());
  };
  connect();
  await transport.get(LEASE_REFERENCE);
  await transport.get(LEASE_REFERENCE);
  expect(requests).toBe(3);
  expect(await kubeErrorOf(transport.replace(leaseAnswer(), { fieldManager: "m" }))).toMatchObject({
    status: 0,
  });
  expect(requests).toBe(4);
});

test("listed items get the type that the server leaves out", async () => {
  const { apiVersion: _version, kind: _kind, ...item } = leaseAnswer();
  const metadata = { resourceVersion: "9", continue: "next" };
  server.handle = (_request, response) => answer(response, 200, { metadata, items: [item] });
  const page = await connect().list(RESOURCE.lease, {
    namespace: "ns",
    limit: 1,
    labelSelector: "a in (b)",
  });
  expect(page).toEqual({ items: [leaseAnswer()], resourceVersion: "9", continueToken: "next" });
  expect(server.seen[0]?.url).toBe(
    "/apis/coordination.k8s.io/v1/namespaces/ns/leases?labelSelector=a+in+%28b%29&limit=1",
  );
});

test("every answer is counted, and every missing one", async () => {
  const counted: unknown[] = [];
  server.handle = (_request, response) =>
    server.seen.length === 1 ? answer(response, 404, {}) : response.destroy();
  transport = createTransport({
    endpoint: server.endpoint(),
    clock: systemClock,
    userAgent: "test/1",
    observe: (request) => counted.push(request),
  });
  await kubeErrorOf(transport.get(LEASE_REFERENCE));
  await kubeErrorOf(transport.replace(leaseAnswer(), { fieldManager: "m" }));
  expect(counted).toEqual([
    { method: "GET", status: 404 },
    { method: "PUT", status: 0 },
  ]);
});
