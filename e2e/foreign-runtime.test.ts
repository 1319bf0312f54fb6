/**
 * A real Triton as a foreign runtime, as `examples/triton.yaml` has it: it serves what `petrel fetch` brought, through
 * the router and over both protocols; it is updated without a failed request, and never by one that does not start.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { MODEL_POD_PORT } from "../src/api/names.ts";
import { nodeImage, tritonImage } from "./cluster/index.ts";
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
let triton: string;
let node: string;
let firstRevision: string | undefined;

interface Example {
  readonly spec: {
    readonly runtime: { readonly container: { readonly image: string; readonly args: readonly string[] } };
  };
}

/** The example with the image of this machine, more arguments, and time-outs for a busy machine. */
function example(...moreArguments: readonly string[]): object {
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

afterAll(() => scenario.dispose(), 180_000);

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
