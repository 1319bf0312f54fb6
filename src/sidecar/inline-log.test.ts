/** The training log of a sidecar before a foreign runtime, as a process: its requests have the ids of their tokens. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { readToken, tokenBytes } from "../token/prediction-token.ts";
import { cleanups, post, upstream } from "./testdata/inline.ts";
import { startSidecar } from "./testdata/sidecar-process.ts";
import { ASSIGNED, JSON_REQUEST, SECRET } from "./testdata/token-calls.ts";

const OUTPUT = { name: "score", datatype: "FP32", shape: [3, 1], data: [0.5, 0.25, 0.75] };

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test(
  "a request is logged under the id of its token, and one without a token is not",
  () =>
    inFolder(async (folder) => {
      const runtime = createServer((request, response) => {
        request.resume().on("end", () => response.end(JSON.stringify({ outputs: [OUTPUT] })));
      });
      const url = await upstream(runtime);
      const logs = join(folder, "logs");
      const observe = {
        scores: { output: "score" },
        features: [{ name: "third", input: "features", column: 2 }],
      };
      const trainingLog = { folder: logs, onlyWithToken: true };
      writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe, trainingLog }));
      const key = { deployment: "uid-1", revision: "m-a", id: 1, secret: SECRET };
      const keys = join(folder, "keys.json");
      writeFileSync(keys, JSON.stringify({ users: SECRET, keys: [key] }));
      const sidecar = await startSidecar(
        folder,
        `--rest-upstream=${url}`,
        "--rest-port=0",
        "--model-name=ranker",
        "--model-revision=m-a",
        `--token-keys=${keys}`,
        "--token-deployment=uid-1",
      );
      const ids: string[] = [];
      for (const headers of [ASSIGNED, {}, { ...ASSIGNED, [PETREL_HEADER.excluded]: "1" }]) {
        const answer = await post(sidecar.rest, JSON_REQUEST, headers);
        expect(answer.status).toBe(200);
        await answer.arrayBuffer();
        const token = answer.headers.get(PETREL_HEADER.token);
        if (token !== null) {
          const { requestId } = readToken(tokenBytes(token) ?? Buffer.alloc(0));
          ids.push(Buffer.from(requestId).toString("hex"));
        }
      }
      expect(ids).toHaveLength(1);
      expect(await sidecar.end("SIGTERM")).toBe(0);
      const lines = readdirSync(logs).flatMap((name) =>
        readFileSync(join(logs, name), "utf8").trimEnd().split("\n"),
      );
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({
          request: ids[0],
          model: "ranker",
          revision: "m-a",
          arm: "Candidate",
          epoch: 7,
          status: 200,
          rows: 3,
          values: { score: [0.5, 0.25, 0.75], third: [2, 6, 10] },
        }),
      ]);
    }),
  60_000,
);
