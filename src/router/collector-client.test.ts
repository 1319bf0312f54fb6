import { writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { close, listen } from "../process/bounded-http-server.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { type CollectorClient, collectorClient } from "./collector-client.ts";

let server: Server | undefined;
afterEach(async () => {
  if (server !== undefined) await close(server);
});

/** Uses the client of a collector that answers so. */
function withCollector(answer: RequestListener, use: (client: CollectorClient) => Promise<void>) {
  return inFolder(async (folder) => {
    const file = join(folder, "access-tokens");
    writeFileSync(file, "newest\nolder\n");
    server = createServer(answer);
    const port = await listen(server, "127.0.0.1", 0);
    await use(collectorClient(`http://127.0.0.1:${port}`, file));
  });
}

test("a batch is handed over with the newest token, and the silent routers are told", () =>
  withCollector(
    (request, response) => {
      const isRight = request.headers.authorization === "Bearer newest" && request.url === "/impressions";
      response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ silent: ["r/1/2"] }));
    },
    async (client) => {
      expect(await client.sendBatch("{}")).toEqual({ type: "Acknowledged", silent: ["r/1/2"] });
    },
  ));

test.each([
  [413, "<html>too large</html>", "status 413: no reason is given"],
  [400, '{"error": "expected a head"}', "status 400: expected a head"],
])(
  "a batch that is refused with %i is refused for good, whatever the answer holds",
  (status, text, problem) =>
    withCollector(
      (_request, response) => response.writeHead(status).end(text),
      async (client) => {
        expect(await client.sendBatch("{}")).toEqual({ type: "Refused", problem });
      },
    ),
);

test.each([
  [503, "{}"],
  [200, " ".repeat(2 ** 20 + 1)],
])("anything else may pass: %i with an answer of any length", (status, text) =>
  withCollector(
    (_request, response) => response.writeHead(status).end(text),
    async (client) => {
      await expect(client.sendBatch("{}")).rejects.toThrow();
    },
  ),
);

test("the end of a router that the collector does not know is told", () =>
  withCollector(
    (request, response) => response.writeHead(request.url === "/impressions/ended" ? 404 : 500).end("{}"),
    async (client) => {
      await client.sendEnd("r/1/2", 1);
    },
  ));
