/**
 * The first ModelDeployment as the README tells it: the manifest, the waits, the request, and the next model.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { exampleManifest, parsedExample } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

/** No server of a cluster is here, nor the port of a client. */
const LOCAL_PORT = 18_080;
const EXPECTED_ANSWER = [
  200,
  expect.objectContaining({ model_name: "ranker", outputs: [expect.objectContaining({ shape: [1, 1] })] }),
];

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "quickstart");
  await scenario.apply(exampleManifest("quickstart.yaml"));
  await scenario.waitFor("ranker", "Ready");
  await scenario.waitFor("ranker", "Promoted");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

/** Sends the request of the README. */
async function askAsTheReadme(url: string): Promise<[status: number, answer: unknown]> {
  const [, path, body] = readme.match(/^curl http:\/\/ranker(\S+) -d '([^']+)'$/m) ?? [];
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    body: body ?? "",
    signal: AbortSignal.timeout(10_000),
  });
  return [response.status, await response.json()];
}

test("the README shows this very manifest", () => {
  const [, shown = ""] = readme.match(/^```yaml\n([\s\S]*?)^```$/m) ?? [];
  expect(parse(shown)).toEqual(parsedExample("quickstart.yaml"));
});

test("the request of the README is answered", async () => {
  expect(await askAsTheReadme(await scenario.url("ranker"))).toEqual(EXPECTED_ANSWER);
});

test("the README's way from outside, through a router's pod, leads to the same answer", async () => {
  const [, askForPort = ""] = readme.match(/^kubectl port-forward \S+ 8080:\$\(kubectl (.+)\)$/m) ?? [];
  const port = await scenario.kubectl(...askForPort.replaceAll("'", "").split(" "));
  const forward = [
    "-n",
    scenario.namespace,
    "port-forward",
    "deployment/petrel-router",
    `${LOCAL_PORT}:${port}`,
  ];
  // It goes on until its time is up.
  const forwarding = scenario.cluster.kubectl(forward, { timeoutMilliseconds: 20_000 }).catch(String);
  const answer = await scenario.until(
    "an answer through the forwarded port",
    () => askAsTheReadme(`http://127.0.0.1:${LOCAL_PORT}`).catch(String),
    (seen) => typeof seen !== "string",
    15,
  );
  expect(answer).toEqual(EXPECTED_ANSWER);
  expect(await forwarding).toContain("not done after");
}, 180_000);

test("the next model takes the traffic", async () => {
  const before = (await scenario.status("ranker")).revisions?.stable;
  await scenario.apply(exampleManifest("quickstart-v2.yaml"));
  await scenario.waitFor("ranker", "Promoted");
  expect((await scenario.status("ranker")).revisions?.stable).not.toBe(before);
}, 180_000);
