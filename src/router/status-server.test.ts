import { once } from "node:events";
import type { Server } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Gauge, Registry } from "prom-client";
import type { RouterStatus } from "./router.ts";
import { startStatusServer } from "./status-server.ts";

const STATUS: RouterStatus = {
  isStarted: false,
  isReady: false,
  state: "Down",
  desired: new Map(),
  acknowledgements: new Map(),
};

const registry = new Registry();
let server: Server;
beforeEach(async () => {
  registry.clear();
  server = await startStatusServer({ port: 0, registry, status: () => STATUS });
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});

function get(path: string): Promise<Response> {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return fetch(`http://127.0.0.1:${address.port}${path}`);
}

test("metrics that cannot be read are an error of that one request", async () => {
  new Gauge({
    name: "unreadable",
    help: "Cannot be read.",
    registers: [registry],
    collect: () => Promise.reject(new Error("the source is gone")),
  });
  const answer = await get("/metrics");
  expect(answer.status).toBe(500);
  expect(await answer.text()).toBe("the source is gone\n");
  expect((await get("/healthz")).status).toBe(200);
});

test.each([
  ["/healthz", 200],
  ["/startupz", 503],
  ["/readyz", 503],
  ["/metrics", 200],
  ["/", 404],
])("%s is answered with %i", async (path, status) => {
  expect((await get(path)).status).toBe(status);
});
