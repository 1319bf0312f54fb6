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

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "quickstart");
  await scenario.apply(exampleManifest("quickstart.yaml"));
  await scenario.waitFor("ranker", "Ready");
  await scenario.waitFor("ranker", "Promoted");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("the README shows this very manifest", () => {
  const [, shown = ""] = readme.match(/^```yaml\n([\s\S]*?)^```$/m) ?? [];
  expect(parse(shown)).toEqual(parsedExample("quickstart.yaml"));
});

test("the request of the README is answered", async () => {
  const [, path, body] = readme.match(/^curl http:\/\/ranker(\S+) -d '([^']+)'$/m) ?? [];
  const response = await fetch(`${await scenario.url("ranker")}${path}`, {
    method: "POST",
    body: body ?? "",
  });
  expect([response.status, await response.json()]).toEqual([
    200,
    expect.objectContaining({ model_name: "ranker", outputs: [expect.objectContaining({ shape: [1, 1] })] }),
  ]);
});

test("the next model takes the traffic", async () => {
  const before = (await scenario.status("ranker")).revisions?.stable;
  await scenario.apply(exampleManifest("quickstart-v2.yaml"));
  await scenario.waitFor("ranker", "Promoted");
  expect((await scenario.status("ranker")).revisions?.stable).not.toBe(before);
}, 180_000);
