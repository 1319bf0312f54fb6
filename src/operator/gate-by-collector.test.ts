/**
 * A release that is judged by what a real collector counted: answers and labels go to `petrel collect` as routers and
 * clients send them, the operator reads the evidence back over HTTP, and its planners decide by it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { model, START_MILLISECONDS, servingWorld, type World } from "../../test/fixtures/world.ts";
import type { ModelDeploymentSpec } from "../api/model-deployment-spec.ts";
import type { RolloutSpec } from "../api/rollout.ts";
import {
  AUTHORIZATION,
  type CollectProcess,
  startCollect,
  writeFiles,
} from "../collect/testdata/collect-process.ts";
import { ACCESS_TOKEN, SETTINGS_TEXT, tokenOf } from "../collect/testdata/collecting.ts";
import { systemClock } from "../core/clock.ts";
import type { HookAnswer } from "../core/rollout/gates/gate-evidence.ts";
import { KubeError } from "../kube/port.ts";
import { collectorLabels } from "../render/collector.ts";
import { ARM_CHECK, type ArmCheck } from "../token/prediction-token.ts";
import { slotOf, tokenSlot } from "../token/slot.ts";
import { askCollectorOverHttp } from "./ask-collector.ts";
import { askShadowOverHttp } from "./ask-shadow.ts";
import { askGates, GateAnswers } from "./gate-answers.ts";

const [MINUTE, HOUR] = [60_000, 3_600_000];
const KEY = "shop/ranker";
/** Of each arm. */
const REQUESTS = 4_000;
const STABLE_RATE = 0.25;

let folder: string;
let collect: CollectProcess;
let answers: GateAnswers;
let world: World;
/** The Secret of the collector as the API has it. */
let secret: object | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-gate-"));
  writeFiles(folder);
  collect = await startCollect(folder);
  secret = {
    metadata: { name: "petrel-collector", labels: collectorLabels },
    data: { "access-tokens": Buffer.from(`${ACCESS_TOKEN}\n`).toString("base64") },
  };
  const clock = { ...systemClock, now: () => world.observation().nowMilliseconds };
  const port = {
    get: async () => {
      if (secret === undefined) throw new KubeError(404, "NotFound", "not found");
      return { apiVersion: "v1", kind: "Secret", metadata: { name: "x" }, ...secret };
    },
  };
  const askUrl = (): Promise<HookAnswer> => Promise.reject(new Error("nobody is asked"));
  const access = { port, addressOf: () => collect.internal };
  const ask = askGates(
    askUrl,
    askCollectorOverHttp({ ...access, clock }),
    () => Promise.reject(new Error("no routers here")),
    askShadowOverHttp(access),
  );
  answers = new GateAnswers({ clock, ask, onAnswer: () => {} });
  world = inFirstStep();
}, 120_000);
afterEach(async () => {
  answers.close();
  await collect.end("SIGKILL");
  rmSync(folder, { recursive: true });
}, 120_000);

/** Two hours and a half ago by the clock of this machine, the candidate has half of the traffic. */
function inFirstStep(changes: Partial<ModelDeploymentSpec> = {}): World {
  const begun = servingWorld({
    replicas: 2,
    quality: {
      userHeader: "x-user-id",
      labels: [{ name: "click", matures: "30m" }],
      metrics: [{ name: "ctr", type: "ClickThroughRate" }],
    },
    rollout: {
      strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "1h" }] } },
      gates: [{ name: "ctr", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "20%" } }],
    },
    ...changes,
  });
  begun.passTime(Date.now() - 2.5 * HOUR - START_MILLISECONDS).edit({ model: model("v2") });
  return follow(begun);
}

function follow(followed: World, looks = 4): World {
  for (let look = 0; look < looks; look++) {
    followed.reconcile();
    followed.startPods();
    for (const { revision } of followed.servers) {
      const [servers] = followed.serversOf(revision);
      if (servers !== undefined && followed.canBecomeReady(servers)) followed.setReady(revision);
    }
    followed.acknowledge();
  }
  return followed;
}

async function post(path: "impressions" | "feedback", lines: readonly object[]): Promise<void> {
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const response = await fetch(`${collect.internal}/${path}`, {
    method: "POST",
    body,
    headers: AUTHORIZATION,
  });
  expect({ status: response.status, text: response.ok ? "" : await response.text() }).toEqual({
    status: 200,
    text: "",
  });
}

/** How they are served, where it is not as it should be. */
interface Served {
  readonly candidateRequests?: number;
  /** The candidate's answers of the first minutes have no token. */
  readonly uncountedMinutes?: number;
  readonly armCheckOf?: (index: number) => ArmCheck;
  /** How often a user comes, by arm. */
  readonly requestsOfUser?: readonly number[];
}

/**
 * Answers of both arms since the step is in effect, two hours and a half until now, and a click within a minute for a part
 * of them. By now all labels of the first two hours have matured.
 */
async function serve(candidateRate: number, served: Served = {}): Promise<void> {
  const { candidateRequests = REQUESTS, uncountedMinutes = 0 } = served;
  const { armCheckOf = () => ARM_CHECK.unchecked, requestsOfUser = [1, 1] } = served;
  const since = world.observation().nowMilliseconds;
  const lasting = Date.now() - 2 * MINUTE - since;
  const epoch = world.status.traffic?.epoch ?? 0;
  const requests = [
    ...Array.from({ length: candidateRequests }, (_, index) => ({ arm: 1, index, rate: candidateRate })),
    ...Array.from({ length: REQUESTS }, (_, index) => ({ arm: 0, index, rate: STABLE_RATE })),
  ].map(({ arm, index, rate }) => {
    const seconds = Math.floor((since + (index * lasting) / REQUESTS) / 1_000);
    const slot = tokenSlot(slotOf(seconds));
    const user = `${arm}-${Math.floor(index / (requestsOfUser[arm] ?? 1))}`;
    const fields = { user, seconds, slot, epoch, arm, armCheck: armCheckOf(index) };
    const token = tokenOf(arm * 100_000 + index, fields);
    // Spread like chance would, and the same in every run.
    const isClicked = (index * 0.618_033_988_7) % 1 < rate;
    return { arm, token, seconds, isClicked };
  });
  const countedFrom = Math.floor(since / 1_000) + uncountedMinutes * 60;
  const counted = requests.filter(({ arm, seconds }) => arm === 0 || seconds >= countedFrom);
  const now = Date.now();
  const head = { router: "r", incarnation: "r/1", startedAt: since - HOUR, closedAt: now, to: now - 1_000 };
  await post("impressions", [{ ...head, number: 1 }, ...counted.map(({ token }) => ({ token }))]);
  const labels = counted
    .filter(({ isClicked }) => isClicked)
    .map(({ token, seconds }) => ({
      token,
      events: [{ label: "click", at: new Date((seconds + 60) * 1_000).toISOString() }],
    }));
  for (let from = 0; from < labels.length; from += 500)
    await post("feedback", labels.slice(from, from + 500));
}

/** A look, a reading of the collector, and the look that sees it. */
async function look(): Promise<void> {
  answers.follow(KEY, []);
  answers.follow(KEY, world.reconcile().gateQuestions ?? []);
  for (let wait = 0; answers.evidence(KEY)?.counts === undefined; wait++) {
    if (wait === 5_000) throw new Error("nothing was read");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  world.gateEvidence = answers.evidence(KEY);
  world.reconcile();
}

/** To the present by the clock of this machine. */
function passToNow(): void {
  world.passTime(Date.now() - world.observation().nowMilliseconds - 2_000);
}

const gates = () =>
  (world.rollout?.status.gates ?? []).map(({ name, outcome, reason = "" }) => `${name} ${outcome} ${reason}`);
const gate = (wanted: string) => world.rollout?.status.gates?.find(({ name }) => name === wanted);

test("a candidate that does harm is given up by the labels that came", async () => {
  await serve(STABLE_RATE * 0.6);
  passToNow();
  await look();
  expect(world.rollout?.status.phase).toBe("Aborted");
  expect(world.rollout?.status.verdict).toMatchObject({
    reason: "GateFailed",
    message: expect.stringMatching(
      /^gate ctr: ctr is -4\d?\.?\d* % .* from 4,000 answers and 4,000 of stable: harm is shown$/,
    ),
  });
  const [change, evidence] = gate("ctr")?.figures ?? [];
  expect(change).toMatchObject({ name: "change", candidateCount: REQUESTS, stableCount: REQUESTS });
  expect(Number(change?.upper)).toBeLessThan(0);
  expect(Number(evidence?.estimate)).toBeGreaterThan(Number(evidence?.threshold));
}, 120_000);

test("a candidate that is as good gets all the traffic, once that is shown by matured labels", async () => {
  await serve(STABLE_RATE);
  passToNow();
  // What the gates say is gone with the step that they let end.
  world.guide({ paused: true });
  await look();
  expect(gates()).toEqual(["candidate-replicas Pass ", "sample-ratio Pass AsPlanned", "ctr Pass NotWorse"]);
  const matured = gate("ctr")?.figures?.find(({ name }) => name === "change-of-matured");
  // Two hours and 28 minutes, less the half hour that labels take.
  expect(matured?.candidateCount).toBeGreaterThan(REQUESTS * 0.7);
  expect(matured?.candidateCount).toBeLessThanOrEqual(REQUESTS);
  expect(Number(matured?.lower)).toBeGreaterThan(Number(matured?.threshold));
  world.guide({ paused: false });
  follow(world);
  expect(world.rollout?.status.phase).toBe("Promoted");
}, 120_000);

describe("of a metric of which less is better", () => {
  const refunds = { name: "ctr", type: "LabelRatio", label: "click", cap: 5, better: "Lower" } as const;
  const released = () =>
    inFirstStep({
      quality: { userHeader: "x-user-id", labels: [{ name: "click", matures: "30m" }], metrics: [refunds] },
    });

  /** The collector counts what this world declares. */
  async function serveRefunds(candidateRate: number): Promise<void> {
    await collect.end("SIGKILL");
    const { name, type, label, cap, better } = refunds;
    const metrics = [{ name, type, label, cap, better }];
    const text = JSON.parse(SETTINGS_TEXT);
    text.deployments[0].metrics = metrics;
    writeFileSync(join(folder, "settings.json"), JSON.stringify(text));
    collect = await startCollect(folder);
    world = released();
    await serve(candidateRate);
    passToNow();
  }

  test("a candidate with more does harm", async () => {
    await serveRefunds(STABLE_RATE * 1.4);
    await look();
    expect(world.rollout?.status.verdict?.message).toMatch(/^gate ctr: ctr is \+\d.*: harm is shown$/);
  }, 120_000);

  test("one with fewer gets all the traffic", async () => {
    await serveRefunds(STABLE_RATE * 0.6);
    world.guide({ paused: true });
    await look();
    expect(gates()).toContain("ctr Pass NotWorse");
    world.guide({ paused: false });
    follow(world);
    expect(world.rollout?.status.phase).toBe("Promoted");
  }, 120_000);
});

test("arms that get other shares than the plan says are found", async () => {
  await serve(STABLE_RATE, { candidateRequests: REQUESTS * 0.8 });
  passToNow();
  await look();
  expect(world.rollout?.status.verdict?.message).toMatch(
    /^gate sample-ratio: 3,\d{3} of 6,\d{3} requests went to the candidate, and 3,\d{3} were expected$/,
  );
}, 120_000);

test("a candidate whose answers are not counted at first is not taken for one that loses requests", async () => {
  await serve(STABLE_RATE, { uncountedMinutes: 10 });
  passToNow();
  world.guide({ paused: true });
  await look();
  expect(gates()[1]).toBe("sample-ratio Pass AsPlanned");
}, 120_000);

const STICKY: Partial<ModelDeploymentSpec> = {
  traffic: { timeout: "1s", stickiness: { header: "x-user-id", anonymous: "Random" } },
};
const UNGATED: RolloutSpec = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "1h" }] } },
};

test.each<[what: string, changes: Partial<ModelDeploymentSpec>]>([
  ["with a quality gate", STICKY],
  ["without any gate", { ...STICKY, rollout: UNGATED }],
])(
  "a single user in the wrong arm ends a release %s",
  async (_what, changes) => {
    world = inFirstStep(changes);
    await serve(STABLE_RATE, {
      armCheckOf: (index) => (index === 7 ? ARM_CHECK.wrong : ARM_CHECK.right),
    });
    await look();
    expect(world.rollout?.status.verdict?.message).toBe(
      "gate assigned-arms: 2 of 8,000 requests were in the wrong arm",
    );
  },
  120_000,
);

test("users that are in their arms pass, and with no gate nobody waits for a collector that is away", async () => {
  world = inFirstStep(STICKY);
  await serve(STABLE_RATE, { armCheckOf: () => ARM_CHECK.right, uncountedMinutes: 4 });
  passToNow();
  world.guide({ paused: true });
  await look();
  expect(gates()).toEqual([
    "candidate-replicas Pass ",
    "assigned-arms Pass AsAssigned",
    "sample-ratio Pass AsPlanned",
    "ctr Pass NotWorse",
  ]);
  await collect.end("SIGKILL");
  world = inFirstStep({ ...STICKY, rollout: UNGATED });
  await look();
  expect(gates()).toContain("assigned-arms Wait NoData");
  world.passTime(HOUR);
  follow(world);
  expect(world.rollout?.status.phase).toBe("Promoted");
}, 120_000);

test("users count once, however often they come: too few of them in an arm are found", async () => {
  world = inFirstStep(STICKY);
  // As many requests, by half as many users.
  await serve(STABLE_RATE, { requestsOfUser: [1, 2] });
  passToNow();
  await look();
  expect(world.rollout?.status.verdict?.message).toMatch(
    /^gate sample-ratio: 1,\d{3} of 5,\d{3} users went to the candidate, and 2,\d{3} were expected$/,
  );
}, 120_000);

test("what cannot be read is no knowledge: the step waits, and says for what", async () => {
  passToNow();
  await look();
  expect(gate("ctr")).toMatchObject({
    outcome: "Wait",
    message: expect.stringContaining("no router has told the collector of any request yet"),
  });
  secret = undefined;
  await look();
  expect(gate("ctr")?.message).toContain("expected the Secret petrel-collector");
  secret = {
    metadata: { name: "petrel-collector", labels: collectorLabels },
    data: { "access-tokens": Buffer.from("another\n").toString("base64") },
  };
  await look();
  expect(gate("ctr")?.message).toContain("the collector answered with status 401, expected 200");
  await collect.end("SIGKILL");
  await look();
  expect(gate("ctr")).toMatchObject({ outcome: "Wait", reason: "NoData" });
  expect(JSON.stringify(world.rollout)).not.toContain(ACCESS_TOKEN);
}, 120_000);
