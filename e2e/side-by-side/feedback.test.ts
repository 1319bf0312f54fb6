/**
 * Predictions and what becomes of them: tokens come with the answers, clients send labels for them to the same Service,
 * and the evidence has both, though the collector is killed in between.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asList, asNumber, asString, valueAt } from "../../src/api/json.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { exampleRows, plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const NAME = "counted";
const COLLECTOR = "petrel-collector";
const LABELLED = 40;
const rows = exampleRows().map((row) => row.features);
const quality = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  userHeader: "x-user-id",
};

let scenario: Scenario;
let volume: EvidenceVolume;
let url: string;
/** Tokens of all answers that had one. */
const tokens: string[] = [];

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "feedback");
  volume = new EvidenceVolume(scenario);
  await scenario.apply(plainDeployment(NAME, { replicas: 1, quality }));
  await scenario.waitFor(NAME, "Ready");
  url = await scenario.url(NAME);
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

async function predict(user: string): Promise<string | null> {
  const shape = [rows.length, rows[0]?.length ?? 0];
  const inputs = [{ name: "features", datatype: "FP32", shape, data: rows.flat() }];
  const answer = await fetch(`${url}/v2/models/${NAME}/infer`, {
    method: "POST",
    headers: { "x-user-id": user },
    body: JSON.stringify({ inputs }),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
  const token = answer.headers.get("x-petrel-token");
  if (token !== null) tokens.push(token);
  return token;
}

/** Status and results of a post of one label. A router goes on to try for some seconds where no collector answers. */
async function sendLabel(token: string): Promise<readonly [number, string]> {
  const answer = await fetch(`${url}/feedback`, {
    method: "POST",
    body: JSON.stringify({ token, events: [{ label: "click", row: 0 }] }),
    signal: AbortSignal.timeout(20_000),
  });
  return [answer.status, await answer.text()];
}

/** Impressions, and requests with a click, as the collector has them by now; undefined while it does not answer. */
async function evidence(): Promise<
  { readonly n: number; readonly clicks: number; readonly voided: number } | undefined
> {
  const slot = Math.floor(Date.now() / 60_000);
  const query = `deployment=${NAME}&from=${slot - 60}&to=${slot}`;
  const script = `const token = require("fs").readFileSync("/etc/petrel/collector/access-tokens", "utf8").trim();
    fetch("http://127.0.0.1:8086/evidence?${query}", { headers: { authorization: "Bearer " + token } })
      .then(async (answer) => process.stdout.write(await answer.text()));`;
  // From inside: nobody but the routers reaches the port.
  const output = await scenario
    .kubectl("exec", `${COLLECTOR}-0`, "--", "node", "-e", script)
    .catch(() => undefined);
  if (output === undefined) return undefined;
  const found: unknown = JSON.parse(output);
  const sum = (values: unknown) =>
    asList(values).reduce<number>((total, value) => total + (asNumber(value) ?? 0), 0);
  const arms = asList(valueAt(found, "arms"));
  return {
    n: arms.reduce<number>((total, arm) => total + sum(valueAt(arm, "n")), 0),
    clicks: arms.reduce<number>((total, arm) => total + sum(valueAt(arm, "metrics", "ctr", "arrived")), 0),
    voided: asList(valueAt(found, "voided")).length,
  };
}

test("without a volume requests are answered, and a condition says what is missing", async () => {
  const missing = await scenario.until(
    "the condition names the volume",
    () => scenario.condition(NAME, "EvidenceReady"),
    (condition) => /PersistentVolumeClaim/.test(condition?.message ?? ""),
  );
  expect(missing).toMatchObject({ status: "False", reason: "CollectorNotReady" });
  await predict("nobody");
  await volume.make();
  await scenario.waitFor(NAME, "EvidenceReady");
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 240_000);

test("answers get tokens, and labels for them are taken by the same Service", async () => {
  await scenario.until(
    "an answer has a token",
    () => predict("first"),
    (token) => token !== null,
    240,
  );
  expect(await sendLabel(tokens[0] ?? "")).toEqual([200, '{"results":[{"events":["accepted"]}]}']);
  const [status, text] = await sendLabel(`${tokens[0]?.slice(0, -1)}${tokens[0]?.endsWith("A") ? "Q" : "A"}`);
  expect([status, JSON.parse(text).results[0].events]).toEqual([
    200,
    [expect.stringMatching(/forged|malformed/)],
  ]);
}, 300_000);

test("labels and impressions are all there, though the collector was killed meanwhile", async () => {
  const labelled = [...tokens];
  const first = labelled.splice(0, 1);
  for (let user = 0; user < LABELLED; user++) {
    // The routers and model servers of a busy test machine may still be replaced one by one: not every answer has one.
    const token = await predict(`user-${user}`);
    if (token !== null) labelled.push(token);
  }
  expect(labelled.length).toBeGreaterThan(LABELLED / 2);
  const uid = async () =>
    asString(valueAt(await scenario.get("pod", `${COLLECTOR}-0`).catch(() => undefined), "metadata", "uid"));
  const before = await uid();
  for (const token of labelled.slice(0, labelled.length / 2)) expect((await sendLabel(token))[0]).toBe(200);
  await Promise.all([
    scenario.kubectl("delete", "pod", `${COLLECTOR}-0`, "--grace-period=0", "--force"),
    scenario.until("the collector is away", uid, (found) => found !== before),
  ]);
  let refused = 0;
  for (const token of labelled) {
    await scenario.until(
      "the label is taken",
      () => sendLabel(token).catch((error) => [0, String(error)] as const),
      ([status, text]) => {
        if (status !== 200) refused += 1;
        return status === 200 && /accepted|duplicate/.test(text);
      },
      180,
    );
    await predict("meanwhile");
  }
  console.info(`${refused} posts had to be sent again while the collector was away`);
  const expected = { n: tokens.length, clicks: labelled.length + first.length, voided: 0 };
  const found = await scenario.until(
    "the evidence has all of them",
    evidence,
    (seen) => seen !== undefined && seen.n >= expected.n && seen.clicks >= expected.clicks,
    180,
  );
  expect(found).toEqual(expected);
}, 480_000);
