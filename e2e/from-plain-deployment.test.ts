/**
 * The way from a plain Deployment to a ModelDeployment as `examples/from-plain-deployment` tells it: its commands,
 * run as they stand there, while clients go on calling the old Service. No request fails.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { buildTools, runOrFail } from "./cluster/index.ts";
import { exampleManifest } from "./example-models.ts";
import { OPERATOR_NAMESPACE } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

const EXAMPLE = "from-plain-deployment";
const SERVICE = "ranker-clients-call";
const files = ["1-plain.yaml", "2-model-deployment.yaml"];
let scenario: Scenario;
let folder: string;

/** The page's commands, block by block. */
function commandBlocks(): readonly string[] {
  const page = exampleManifest(`${EXAMPLE}/README.md`);
  const blocks = [...page.matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm)];
  return blocks.map(([, indent = "", block = ""]) => block.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

async function follow(block: string): Promise<void> {
  const tools = await buildTools(["kubernetes-control-plane"], () => {});
  const environment = {
    PATH: `${dirname(tools.program("kubectl"))}:${process.env["PATH"]}`,
    KUBECONFIG: join(folder, "kubeconfig"),
  };
  await runOrFail("sh", ["-euc", block], {
    environment,
    workingFolder: folder,
    timeoutMilliseconds: 240_000,
  });
}

beforeAll(async () => {
  const cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "from-plain");
  folder = mkdtempSync(join(tmpdir(), "petrel-from-plain-"));
  // As a person has it: the namespace is the context's.
  const config = parse(readFileSync(cluster.kubeconfig, "utf8"));
  for (const { context } of config.contexts) context.namespace = scenario.namespace;
  writeFileSync(join(folder, "kubeconfig"), JSON.stringify(config), { mode: 0o600 });
  const operator = ["get", "deployment", "petrel-operator", "-n", OPERATOR_NAMESPACE];
  const image = "-o=jsonpath={.spec.template.spec.containers[0].image}";
  const petrel = (await cluster.kubectl([...operator, image])).trim();
  for (const file of files) {
    const manifest = exampleManifest(`${EXAMPLE}/${file}`);
    writeFileSync(
      join(folder, file),
      manifest.replace(/image: ghcr\.io\/petrel-dev\/petrel:\S+/, `image: ${petrel}`),
    );
  }
}, 120_000);

afterAll(async () => {
  await scenario.dispose();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

test("following the page under load fails no request", async () => {
  const [begin = "", ...steps] = commandBlocks();
  expect(steps).toHaveLength(3);
  await follow(begin);
  const url = await scenario.url(SERVICE);
  const move = async () => {
    for (const step of steps) {
      await follow(step);
      await delay(3_000);
    }
    await scenario.until(
      "no pod of the plain Deployment",
      () => scenario.kubectl("get", "pods", "-l", "app=ranker-plain", "-o", "name"),
      (names) => names === "",
    );
    await delay(2_000);
  };
  const report = await underLoad(scenario, "ranker", move, { url, ratePerSecond: 40 });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(300);
  const answer = await fetch(`${url}/v2/models/ranker`, { signal: AbortSignal.timeout(5_000) });
  expect(await answer.json()).toMatchObject({
    versions: [(await scenario.status("ranker")).revisions?.stable],
  });
}, 600_000);
