import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, expect, test } from "@jest/globals";
import { envoyAdministration } from "./envoy-administration.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function administration(answer: RequestListener) {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return envoyAdministration(address.port);
}

test("is not ready when Envoy says so, or is not there", async () => {
  expect(await (await administration((_request, response) => response.writeHead(503).end())).isReady()).toBe(
    false,
  );
  expect(await envoyAdministration(1).isReady()).toBe(false);
});

test("asks with the methods that Envoy wants", async () => {
  const asked: string[] = [];
  const { isReady, drain } = await administration((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end("OK");
  });
  expect(await isReady()).toBe(true);
  await drain();
  expect(asked).toEqual(["GET /ready", "POST /drain_listeners?graceful"]);
});

test("gives up on an Envoy that hangs", async () => {
  const { report } = await administration(() => {});
  const start = performance.now();
  await expect(report()).rejects.toThrow(/did not answer .* within 2000 ms/);
  expect(performance.now() - start).toBeLessThan(10_000);
}, 20_000);

test("gives up on an answer that does not end", async () => {
  const { report } = await administration((_request, response) => {
    // At once: a busy machine must not make it slow before it is long.
    response.on("error", () => {}).write(Buffer.alloc(2 ** 24 + 1, " "));
  });
  await expect(report()).rejects.toThrow(/larger than 16777216 bytes/);
}, 20_000);

test("an answer that is no JSON is an error", async () => {
  const { report } = await administration((_request, response) => response.end("<html>"));
  await expect(report()).rejects.toThrow(/JSON/);
});
