/**
 * Mirrored requests from end to end but for Envoy: two real model servers answer the same requests, tell a real `petrel
 * collect` of them, and the operator reads what came of it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type CollectProcess, startCollect, writeFiles } from "../collect/testdata/collect-process.ts";
import { ACCESS_TOKEN, RING } from "../collect/testdata/collecting.ts";
import { collectorLabels } from "../render/collector.ts";
import { infer } from "../serve/testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "../serve/testdata/server.ts";
import { SCORE_TOLERANCES } from "../stats/shadow-counts.ts";
import { totalOf } from "../stats/total.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { askShadowOverHttp } from "./ask-shadow.ts";

jest.setTimeout(120_000);

const REQUESTS = 40;
let folder = "";
let collect: CollectProcess;
let stable: TestServer;
let candidate: TestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-shadow-"));
  writeFiles(folder);
  collect = await startCollect(folder);
  const start = async () => {
    const server = await startReadyServer("mlp", {
      tokenIssuer: { deployment: "uid-1", revision: "ranker-a", pool: 0, modelDigest: "" },
      tap: { socket: join(folder, "tap"), observed: parseObserved({ scores: { output: "score" } }) },
      shadowUrl: `${collect.feedback}/shadow`,
    });
    server.server.useTokenKeys(RING);
    return server;
  };
  [stable, candidate] = [await start(), await start()];
});
afterAll(async () => {
  await stable?.close();
  await candidate?.close();
  await collect?.end("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const port = {
  get: async () => ({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "petrel-collector", labels: collectorLabels } },
    data: { "access-tokens": Buffer.from(`${ACCESS_TOKEN}\n`).toString("base64") },
  }),
};

async function counted() {
  const question = {
    type: "Shadow",
    namespace: "shop",
    deployment: "ranker",
    epochs: { first: 7, last: 7 },
  } as const;
  return askShadowOverHttp({ port, addressOf: () => collect.internal })(
    question,
    new AbortController().signal,
  );
}

function ask(server: TestServer, request: number, role: "Original" | "Copy", data: readonly number[]) {
  const inputs = [{ name: "features", datatype: "FP32", shape: [3, 4], data }];
  const headers = {
    "x-petrel-shadow": role,
    "x-petrel-arm": role === "Copy" ? "Mirror" : "Stable",
    "x-petrel-epoch": "7",
    "x-petrel-time": String(Math.floor(Date.now() / 1_000)),
    "x-petrel-user": `user-${request}`,
    "x-request-id": `${request.toString(16).padStart(8, "0")}-4455-4677-8899-aabbccddeeff`,
  };
  return infer(server, { inputs }, { headers });
}

test("what two model servers answered to the same requests is found together", async () => {
  for (let request = 0; request < REQUESTS; request++) {
    const rows = Array.from({ length: 12 }, (_, index) => Math.sin(request + index));
    await ask(stable, request, "Original", rows);
    // To the last ones the candidate gives other answers: the rows come in the other order.
    await ask(candidate, request, "Copy", request < REQUESTS - 10 ? rows : rows.toReversed());
  }
  const until = Date.now() + 60_000;
  let counts = await counted();
  while (totalOf(counts.sums.pairs) < REQUESTS && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    counts = await counted();
  }
  const total = (name: keyof typeof counts.sums) => totalOf(counts.sums[name]);
  expect([total("originals"), total("pairs"), total("answered"), total("lists")]).toEqual(
    Array(4).fill(REQUESTS),
  );
  expect(total("sameOrder")).toBeGreaterThanOrEqual(REQUESTS - 10);
  expect(total("sameOrder")).toBeLessThan(REQUESTS);
  expect(totalOf(counts.within[SCORE_TOLERANCES.indexOf(0.001)] ?? [])).toBe(REQUESTS - 10);
  // The same user is in the same group by both.
  expect(Array.from(counts.sums.pairs).filter((pairs) => pairs > 0).length).toBeGreaterThan(20);
  const { windows } = counts.service;
  expect(windows.reduce((sum, window) => sum + window.candidate.tries, 0)).toBe(REQUESTS);
  expect(windows.every(({ candidate: { errors } }) => errors === 0)).toBe(true);
});
