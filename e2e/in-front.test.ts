/**
 * A real gateway in front of a model, as `examples/in-front` shows it: an Ingress, and an HTTPRoute of the Gateway
 * API, each on the way of requests to Petrel's own routers, over REST and over gRPC.
 */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  exampleManifest,
  exampleRows,
  exampleScores,
  inferenceBody,
  plainDeployment,
} from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { closeDoor, DOOR, openDoor } from "./gateway.ts";
import { grpcClient, predictOverGrpc } from "./inference-client.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";

const HOST = "ranker.example.com";
let scenario: Scenario;
// A cluster that was given gets no definitions of others.
const here = clusterIsLocal ? test : test.skip;

beforeAll(async () => {
  if (!clusterIsLocal) return;
  scenario = await Scenario.create(await sharedCluster(), "in-front");
  await scenario.apply(plainDeployment("ranker", { replicas: 1 }));
  await openDoor(scenario, (line) => console.error(line));
  await scenario.waitFor("ranker", "Ready");
}, 900_000);

afterAll(async () => {
  if (!clusterIsLocal) return;
  await closeDoor(scenario);
  await scenario.dispose();
}, 180_000);

interface Answer {
  /** 0 when there was none. */
  readonly status: number;
  readonly text: string;
}

/** Asks for a prediction at the door over REST, under a host name; `fetch` would not let one be set. */
function askAtDoor(address: string): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ status: 0, text: error.message });
    const options = {
      method: "POST",
      headers: { host: HOST, "content-type": "application/json" },
      agent: false,
      signal: AbortSignal.timeout(10_000),
    } as const;
    const outgoing = request(`${address}/v2/models/ranker/infer`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.on("error", fail);
    outgoing.end(inferenceBody());
  });
}

here.each(["ingress.yaml", "http-route.yaml"])(
  "%s leads to the model, over REST and over gRPC",
  async (file) => {
    const address = await scenario.url(DOOR);
    const ask = () => askAtDoor(address);
    await scenario.until("no way through the door", ask, ({ status }) => status === 404 || status === 0);
    const manifest = exampleManifest(`in-front/${file}`);
    await scenario.apply(manifest);
    const client = grpcClient(address, HOST);
    try {
      const answer = await scenario.until("a prediction", ask, ({ status }) => status === 200);
      const [first = Number.NaN] = exampleScores("1");
      expect(JSON.parse(answer.text).outputs[0].data).toEqual([expect.closeTo(first, 5)]);

      const rows = exampleRows().map((row) => row.features);
      const { scores, revision } = await predictOverGrpc(client, "ranker", rows);
      expectExampleScores(scores);
      expect(revision).toBe((await scenario.status("ranker")).revisions?.stable);
    } finally {
      client.close();
      await scenario.cluster.kubectl(["-n", scenario.namespace, "delete", "-f", "-"], { input: manifest });
    }
  },
  300_000,
);
