import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, expect, test } from "@jest/globals";
import { countingEnvoy, envoyAdministration, loggingEnvoy } from "./envoy-administration.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function administrationPort(answer: RequestListener): Promise<number> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function administration(answer: RequestListener) {
  return envoyAdministration(await administrationPort(answer));
}

/** An Envoy that has counted nothing, and says at each look for how long it runs. */
function running(...uptimes: readonly string[]): Promise<number> {
  const told = [...uptimes];
  return administrationPort(({ url }, response) => {
    const answer = url === "/server_info" ? { uptime_current_epoch: told.shift() } : { stats: [] };
    response.end(JSON.stringify(answer));
  });
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
  const { report } = await administration(({ url }, response) => {
    // One of three, and at once: a busy machine must not make it slow before it is long.
    if (url?.includes("dynamic_active_clusters") === true)
      response.on("error", () => {}).write(Buffer.alloc(2 ** 24 + 1, " "));
    else response.end("{}");
  });
  await expect(report()).rejects.toThrow(/larger than 16777216 bytes/);
}, 20_000);

test("an answer that is no JSON is an error", async () => {
  const { report } = await administration((_request, response) => response.end("<html>"));
  await expect(report()).rejects.toThrow(/JSON/);
});

test("tells for how long Envoy runs beside what it has counted", async () => {
  const { firstTries } = countingEnvoy(await running("61s", "62s"));
  expect(await firstTries(["ranker"])).toMatchObject({ uptimeSeconds: 61 });
});

test("tells for how long Envoy runs beside how its log does", async () => {
  const { logHealth } = loggingEnvoy(await running("61s"));
  expect(await logHealth()).toEqual({ uptimeSeconds: 61, failedWrites: 0 });
});

test("counts of an Envoy that starts anew meanwhile are an error: they may be of the one or of the other", async () => {
  const { firstTries } = countingEnvoy(await running("61s", "0s"));
  await expect(firstTries(["ranker"])).rejects.toThrow("started anew");
});

test("an Envoy that does not say for how long it runs is an error", async () => {
  const { firstTries } = countingEnvoy(await running());
  await expect(firstTries(["ranker"])).rejects.toThrow("does not say");
});
