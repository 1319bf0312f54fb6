import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Counter, Gauge, Registry } from "prom-client";
import { type StatusServer, startStatusServer } from "./status-server.ts";
import { MAXIMUM_WAITING } from "./waiting-clients.ts";

const registry = new Registry();
let problem: string | undefined;
let server: StatusServer;
let done: PromiseWithResolvers<void>;
/** Those who wait for it. */
let waiting: Set<AbortSignal>;

beforeEach(async () => {
  registry.clear();
  problem = "the caches are not filled yet";
  done = Promise.withResolvers();
  waiting = new Set();
  server = await startStatusServer({
    port: 0,
    registry,
    checks: {
      "/readyz": () => problem,
      "/brokenz": () => {
        throw new Error("the check is broken");
      },
    },
    documents: { "/parts": (query) => (query.has("of") ? JSON.stringify(query.getAll("of")) : undefined) },
    waits: {
      "/done": async (signal) => {
        waiting.add(signal);
        const gone = new Promise((resolve) => signal.addEventListener("abort", resolve));
        await Promise.race([done.promise, gone]);
        waiting.delete(signal);
      },
    },
  });
});
afterEach(() => server.close());

function ask(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, init);
}

test.each([
  ["/healthz", 200, "ok\n"],
  ["/healthz?verbose", 200, "ok\n"],
  ["/readyz", 503, "the caches are not filled yet\n"],
  ["/brokenz", 500, "the check is broken\n"],
  ["/", 404, "not found\n"],
  ["/toString", 404, "not found\n"],
])("%s is answered with %i", async (path, status, body) => {
  const answer = await ask(path);
  expect([answer.status, await answer.text()]).toEqual([status, body]);
});

test("a document answers a query in JSON, or is not found", async () => {
  const answer = await ask("/parts?of=a&of=b%3F");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.json()).toEqual(["a", "b?"]);
  expect((await ask("/parts")).status).toBe(404);
});

test("readiness follows its check, and liveness does not", async () => {
  problem = undefined;
  expect((await ask("/readyz")).status).toBe(200);
  problem = "lost";
  expect((await ask("/readyz")).status).toBe(503);
  expect((await ask("/healthz")).status).toBe(200);
});

test("what is waited for is answered when it has come, and the rest at once", async () => {
  let isAnswered = false;
  const answer = ask("/done").finally(() => {
    isAnswered = true;
  });
  expect((await ask("/healthz")).status).toBe(200);
  expect(isAnswered).toBe(false);
  done.resolve();
  expect((await answer).status).toBe(200);
});

/** Lets sockets and promises go on until it holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

test("a wait ends with its client", async () => {
  const client = new AbortController();
  const answer = ask("/done", { signal: client.signal }).catch(() => "gone");
  await until(() => waiting.size === 1);
  client.abort();
  expect(await answer).toBe("gone");
  await until(() => waiting.size === 0);
});

test("a connection waits once, however many requests it sends, and the wait ends with it", async () => {
  const socket = connect(server.port, "127.0.0.1", () =>
    socket.write("GET /done HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3)),
  );
  const answered = new Promise<string>((resolve) => socket.once("data", (data) => resolve(`${data}`)));
  expect(await answered).toMatch(/^HTTP\/1\.1 503 /);
  await until(() => waiting.size === 1);
  socket.destroy();
  await until(() => waiting.size === 0);
});

test("of too many who wait, the one that waits longest is told so", async () => {
  const first = ask("/done");
  await until(() => waiting.size === 1);
  const others = Array.from({ length: MAXIMUM_WAITING }, () => ask("/done"));
  const answer = await first;
  expect([answer.status, await answer.text()]).toEqual([503, "too many wait\n"]);
  expect(waiting.size).toBe(MAXIMUM_WAITING);
  done.resolve();
  expect((await Promise.all(others)).map(({ status }) => status)).toEqual(others.map(() => 200));
});

test("metrics are shown in Prometheus' format", async () => {
  new Counter({ name: "seen_total", help: "Seen.", registers: [registry] }).inc();
  const answer = await ask("/metrics");
  expect(answer.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  expect(await answer.text()).toContain("seen_total 1");
});

test("metrics that cannot be read are an error of that one request", async () => {
  new Gauge({
    name: "unreadable",
    help: "Cannot be read.",
    registers: [registry],
    collect: () => Promise.reject(new Error("the source is gone")),
  });
  const answer = await ask("/metrics");
  expect(answer.status).toBe(500);
  expect(await answer.text()).toBe("the source is gone\n");
  expect((await ask("/healthz")).status).toBe(200);
});

test("only reads are answered", async () => {
  const answer = await ask("/healthz", { method: "POST", body: "x" });
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe("GET, HEAD");
  expect((await ask("/healthz", { method: "HEAD" })).status).toBe(200);
});

describe("a client that means ill", () => {
  /** Sends bytes and gives all that comes back until the server ends the connection. */
  function exchange(bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let received = "";
      const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes));
      socket.setEncoding("latin1");
      socket.on("data", (text: string) => {
        received += text;
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(received));
    });
  }

  test("is refused when its headers are too long", async () => {
    const answer = await exchange(`GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(9_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("is refused when it speaks no HTTP, and the next one is served", async () => {
    expect(await exchange("\u0016\u0003\u0001 hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask("/healthz")).status).toBe(200);
  });
});

test("a port that is taken is an error at the start", async () => {
  await expect(startStatusServer({ port: server.port, registry, checks: {} })).rejects.toThrow("EADDRINUSE");
});
