/**
 * A real Triton as a foreign runtime, as `examples/triton.yaml` has it: it serves what `petrel fetch` brought, through
 * the router and over both protocols; it is updated without a failed request, and never by one that does not start. As
 * `examples/triton-observed.yaml` has it, a sidecar comes before it without a failed request or another revision, and its
 * answers get tokens.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asList, valueAt } from "../src/api/json.ts";
import { MODEL_POD_PORT } from "../src/api/names.ts";
import { nodeImage, tritonImage } from "./cluster/index.ts";
import { EvidenceVolume } from "./evidence-volume.ts";
import { exampleRows, parsedExample } from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { grpcClient, type Prediction, predict, predictOverGrpc } from "./inference-client.ts";
import { SCRAPER_LABELS } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { scriptPod } from "./script-pod.ts";
import { underLoad } from "./under-load.ts";

const NAME = "ranker-triton";
const rows = exampleRows().map((row) => row.features);
let scenario: Scenario;
let volume: EvidenceVolume | undefined;
let triton: string;
let node: string;
let firstRevision: string | undefined;

interface Example {
  readonly spec: {
    readonly runtime: { readonly container: { readonly image: string; readonly args: readonly string[] } };
  };
}

/** The example with the image of this machine, more arguments, and time-outs for a busy machine. */
function example(...moreArguments: readonly string[]) {
  const { spec, ...rest } = parsedExample("triton.yaml") as unknown as Example;
  const { runtime } = spec;
  const container = {
    ...runtime.container,
    image: triton,
    args: [...runtime.container.args, ...moreArguments],
  };
  const traffic = { timeout: "4s", perTryTimeout: "1s" };
  return { ...rest, spec: { ...spec, runtime: { ...runtime, container }, traffic } };
}

async function image(made: Promise<{ readonly name: string; readonly archive: string }>): Promise<string> {
  const { name, archive } = await made;
  await scenario.cluster.loadImage(archive);
  return name;
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "foreign");
  node = await image(nodeImage(() => {}));
  triton = await image(tritonImage(() => {}));
  await scenario.apply(example());
  await scenario.waitFor(NAME, "Ready", 280);
  firstRevision = (await scenario.status(NAME)).revisions?.stable;
}, 900_000);

afterAll(async () => {
  await scenario.dispose();
  await volume?.remove();
}, 180_000);

/** Version 1 is what Triton calls it, after the model's folder. */
function expectScores({ scores, revision: version }: Prediction): void {
  expect(version).toBe("1");
  expectExampleScores(scores);
}

test("REST and gRPC through the router answer what the model answers, and name the revision", async () => {
  const url = await scenario.url(NAME);
  expectScores(await predict(url, NAME, rows));
  const client = grpcClient(url);
  try {
    expectScores(await predictOverGrpc(client, NAME, rows));
  } finally {
    client.close();
  }
  const answer = await fetch(`${url}/v2/models/${NAME}`, { signal: AbortSignal.timeout(10_000) });
  expect(await answer.json()).toMatchObject({ name: NAME, platform: "python", versions: ["1"] });
  expect(answer.headers.get("x-petrel-revision")).toBe(firstRevision);
});

test("a scraper reads Triton's metrics and reaches nothing else; a stranger reaches nothing", async () => {
  const [pod] = await scenario.pods("model-server", NAME);
  const path = "jsonpath={.status.podIP}";
  const address = (await scenario.kubectl("get", "pod", pod?.name ?? "", "-o", path)).trim();
  const { rest, grpc, metrics } = MODEL_POD_PORT;
  const script = `setInterval(async () => {
    const words = await Promise.all(${JSON.stringify([rest, grpc, metrics])}.map(async (port) => {
      try {
        const answer = await fetch("http://${address}:" + port + "/metrics", { signal: AbortSignal.timeout(5_000) });
        return (await answer.text()).includes('nv_inference_count{model="${NAME}",version="1"}') ? "metrics" : "else";
      } catch (error) {
        return error.cause?.code ?? String(error);
      }
    }));
    console.log(words.join(" "));
  }, 1000)`;
  const callers = { stranger: {}, scraper: SCRAPER_LABELS };
  for (const [name, labels] of Object.entries(callers)) {
    await scenario.apply(scriptPod(name, { labels, image: node, script }));
  }
  const lastWords = (name: string) =>
    scenario.kubectl("logs", name, "--tail=1").then(
      (line) => line.trim(),
      () => "",
    );
  const refused = "ECONNREFUSED";
  const expected = [
    ["stranger", `${refused} ${refused} ${refused}`],
    ["scraper", `${refused} ${refused} metrics`],
  ] as const;
  for (const [name, words] of expected) {
    await scenario.until(
      `${name} sees ${words}`,
      () => lastWords(name),
      (seen) => seen === words,
    );
  }
}, 300_000);

test("an update of the container takes all the traffic without a failed request", async () => {
  const update = async () => {
    await scenario.apply(example("--http-thread-count=2"));
    await scenario.waitFor(NAME, "Promoted", 280);
    const { revisions } = await scenario.status(NAME);
    expect(revisions?.stable).not.toBe(firstRevision);
    await scenario.until(
      "the pods of the first revision are gone",
      () => scenario.kubectl("get", "pods", "-l", `petrel.dev/model-revision=${firstRevision}`, "-o", "name"),
      (names) => names === "",
    );
  };
  const report = await underLoad(scenario, NAME, update, { ratePerSecond: 20 });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(100);
}, 600_000);

test("a container that does not start never gets traffic, and the status says that it ended", async () => {
  await scenario.apply(example("--no-such-option"));
  await scenario.until(
    "the status tells of the container",
    () => scenario.condition(NAME, "RolloutInProgress"),
    (condition) => condition?.message.includes("container serve ended") === true,
  );
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
  expectScores(await predict(await scenario.url(NAME), NAME, rows));
}, 300_000);

test("the container gets no more rights than Petrel's own, and sees the model alone", async () => {
  const list = JSON.parse(
    await scenario.kubectl("get", "pods", "-l", "petrel.dev/pool=default", "-o", "json"),
  );
  expect(list.items.length).toBeGreaterThan(0);
  for (const pod of list.items) {
    const [serve] = pod.spec.containers;
    expect(serve.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(serve.volumeMounts.map((mount: { readonly mountPath: string }) => mount.mountPath)).toEqual([
      `/models/${NAME}`,
      "/tmp",
      "/dev/shm",
    ]);
    expect(pod.spec.automountServiceAccountToken).toBe(false);
  }
});

/** The token of an answer, if it has one. */
async function tokenOf(headers: Readonly<Record<string, string>> = {}): Promise<string | null> {
  const shape = [rows.length, rows[0]?.length ?? 0];
  const inputs = [{ name: "features", datatype: "FP32", shape, data: rows.flat() }];
  const answer = await fetch(`${await scenario.url(NAME)}/v2/models/${NAME}/infer`, {
    method: "POST",
    headers,
    body: JSON.stringify({ inputs }),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
  return answer.headers.get("x-petrel-token");
}

test("a sidecar comes before each Triton without a failed request or another revision, and labels are taken", async () => {
  volume = new EvidenceVolume(scenario);
  await volume.make();
  const { spec, ...rest } = example("--http-thread-count=2");
  const quality = valueAt(parsedExample("triton-observed.yaml"), "spec", "quality");
  const stable = (await scenario.status(NAME)).revisions?.stable;
  const podsWithout = async () => {
    const selector = ["-l", `petrel.dev/model-deployment=${NAME},petrel.dev/component=model-server`];
    const list: unknown = JSON.parse(await scenario.kubectl("get", "pods", ...selector, "-o", "json"));
    return asList(valueAt(list, "items")).filter((pod) =>
      asList(valueAt(pod, "spec", "initContainers")).every(
        (container) => valueAt(container, "name") !== "sidecar",
      ),
    ).length;
  };
  const turnOn = async () => {
    await scenario.apply({ ...rest, spec: { ...spec, quality } });
    await scenario.until("every pod has a sidecar", podsWithout, (count) => count === 0, 400);
    await scenario.waitFor(NAME, "Ready", 280);
    await scenario.waitFor(NAME, "EvidenceReady", 280);
    await scenario.until(
      "an answer has a token",
      () => tokenOf(),
      (token) => token !== null,
      240,
    );
  };
  const report = await underLoad(scenario, NAME, turnOn, { ratePerSecond: 20 });
  expect(report.failures).toEqual([]);
  expect((await scenario.status(NAME)).revisions?.stable).toBe(stable);
  expect(await tokenOf({ "x-load-test": "1" })).toBeNull();
  const token = await tokenOf({ "x-user-id": "ann" });
  const posted = await fetch(`${await scenario.url(NAME)}/feedback`, {
    method: "POST",
    body: JSON.stringify({ token, events: [{ label: "order", row: 0 }] }),
    signal: AbortSignal.timeout(20_000),
  });
  expect(await posted.json()).toEqual({ results: [{ events: ["accepted"] }] });
}, 1_500_000);
