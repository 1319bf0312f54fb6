/**
 * Canaries that are disturbed: two at once, whose specs are applied over and over as GitOps does it, and whose operators die in
 * each step; and a candidate that crashes again and again, until a fix is shipped.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asList, asNumber, valueAt } from "../src/api/json.ts";
import { nodeImage } from "./cluster/index.ts";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { OPERATOR_NAMESPACE } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAMES = ["first-ranker", "second-ranker"] as const;
const CRASHING = "crashing-ranker";
const STEP_MILLISECONDS = 8_000;
const APPLY_EVERY_MILLISECONDS = 1_000;
const RELEASE_SECONDS = 240;

function canary(minDuration: string): object {
  const steps = ["10%", "50%"].map((weight) => ({ weight, minDuration }));
  return { strategy: { type: "Canary", canary: { steps } } };
}

function deployment(name: string, version: "1" | "2"): object {
  const traffic = { timeout: "4s", perTryTimeout: "1s", stickiness: { header: "x-user-id" } };
  return plainDeployment(name, { model: exampleModel(version), traffic, rollout: canary("8s") });
}

/** A model server that ends after so many answers. */
const SERVER = `
  const answer = JSON.stringify({
    model_name: "${CRASHING}",
    outputs: [{ name: "score", datatype: "FP32", shape: [1, 1], data: [0.5] }],
  });
  let left = Number(process.env.ANSWERS);
  require("node:http").createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    request.resume().on("end", () => {
      if (request.method === "GET") return response.end("{}");
      if (left-- === 0) process.exit(3);
      response.end(answer);
    });
  }).listen(8080);
`;

let image: string;

function crashing(answers: number): object {
  const env = [{ name: "ANSWERS", value: String(answers) }];
  return plainDeployment(CRASHING, {
    runtime: { name: "container", container: { image, command: ["node", "--eval", SERVER], env } },
    traffic: { timeout: "4s", perTryTimeout: "1s" },
    rollout: canary("15s"),
  });
}

beforeAll(async () => {
  const cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "disturbed");
  const { name, archive } = await nodeImage(() => {});
  await cluster.loadImage(archive);
  image = name;
  const models = [...NAMES.map((each) => deployment(each, "1")), crashing(1_000_000)];
  await Promise.all(models.map((model) => scenario.apply(model)));
  await Promise.all([...NAMES, CRASHING].map((each) => scenario.waitFor(each, "Ready")));
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

async function killOperators(): Promise<void> {
  const flags = ["--all", "--grace-period=0", "--force"];
  await scenario.cluster.kubectl(["-n", OPERATOR_NAMESPACE, "delete", "pods", ...flags]);
}

const releaseOf = async (name: string) => scenario.release((await scenario.status(name)).rollout?.name);

/** Applies specs again and again, until it is told to stop. */
function applyAgainAndAgain(objects: readonly object[]): { readonly stop: () => Promise<void> } {
  let isOver = false;
  const applied = (async () => {
    while (!isOver) {
      for (const object of objects) await scenario.apply(object);
      await new Promise((resolve) => setTimeout(resolve, APPLY_EVERY_MILLISECONDS));
    }
  })();
  // Whoever waits for the end gets what went wrong; until then it is nobody's.
  applied.catch(() => {});
  return {
    stop: async () => {
      isOver = true;
      await applied;
    },
  };
}

test("two at once are promoted step by step, whoever applies them again and whatever operators die", async () => {
  const [first, second] = NAMES;
  const objects = NAMES.map((name) => deployment(name, "2"));
  const { failures } = await underLoad(scenario, first, async () => {
    const again = applyAgainAndAgain(objects);
    const killedIn = new Set<number>();
    await scenario.until(
      "both verdicts",
      async () => {
        const releases = await Promise.all(NAMES.map(releaseOf));
        const step = releases[0]?.step ?? 0;
        if (step > 0 && releases[0]?.verdict === undefined && !killedIn.has(step)) {
          killedIn.add(step);
          await killOperators();
        }
        return releases;
      },
      (releases) => releases.every(({ verdict }) => verdict !== undefined),
      RELEASE_SECONDS,
    );
    await again.stop();
    expect([...killedIn]).toEqual(expect.arrayContaining([1, 2]));
  });
  expect(failures).toEqual([]);
  for (const name of [first, second]) {
    const { verdict, history = [] } = await releaseOf(name);
    expect(verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
    expect(history.map(({ weight }) => weight)).toEqual(["10%", "50%", "100%"]);
    for (const { inEffectAt = "", endedAt = "" } of history.slice(0, 2)) {
      expect(Date.parse(endedAt) - Date.parse(inEffectAt)).toBeGreaterThanOrEqual(STEP_MILLISECONDS);
    }
    // One spec, and then another: no apply has changed anything that somebody changed back.
    const { metadata } = Object(await scenario.get("modeldeployment", name));
    expect(metadata.generation).toBe(2);
    expect(await scenario.petrel("history", name, "-o", "json")).toContain("Promoted");
  }
}, 600_000);

/** How often a pod of it was started anew. */
async function crashes(): Promise<number> {
  const flags = ["--selector", `petrel.dev/model-deployment=${CRASHING}`];
  const pods = Object(await scenario.get("pods", ...flags)).items;
  const counts = asList(pods).flatMap((pod) =>
    asList(valueAt(pod, "status", "containerStatuses")).map((each) =>
      asNumber(valueAt(each, "restartCount")),
    ),
  );
  return Math.max(0, ...counts.map((count) => count ?? 0));
}

/** Names of Events that say that a candidate has lost its share for want of ready replicas. */
function interruptions(): Promise<string> {
  const selector = `reason=RolloutInterrupted,involvedObject.name=${CRASHING}`;
  return scenario.kubectl("get", "events", "--field-selector", selector, "-o", "name");
}

test("one that crashes again and again is not promoted, fails nobody, and does not keep the fix away", async () => {
  const { failures } = await underLoad(scenario, CRASHING, async () => {
    await scenario.apply(crashing(20));
    await scenario.until(
      "it has crashed twice, and that its share was taken back is told",
      async () => {
        const { verdict } = await releaseOf(CRASHING);
        expect(verdict).toBeUndefined();
        return { crashes: await crashes(), told: await interruptions() };
      },
      ({ crashes: count, told }) => count >= 2 && told !== "",
      RELEASE_SECONDS,
    );
    expect(await scenario.condition(CRASHING, "Available")).toMatchObject({ status: "True" });
    await scenario.apply(crashing(2_000_000));
    await scenario.waitFor(CRASHING, "Promoted");
  });
  expect(failures).toEqual([]);
}, 600_000);
