/**
 * An experiment that is judged by what a real collector counted: answers of all its arms and their labels go to `petrel
 * collect` as routers and clients send them, the operator reads the evidence back over HTTP, and its planners decide by it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { follow } from "../../test/fixtures/released-world.ts";
import { START_MILLISECONDS, servingWorld, type World } from "../../test/fixtures/world.ts";
import {
  AUTHORIZATION,
  type CollectProcess,
  startCollect,
  writeFiles,
} from "../collect/testdata/collect-process.ts";
import { ACCESS_TOKEN, tokenOf } from "../collect/testdata/collecting.ts";
import { systemClock } from "../core/clock.ts";
import { collectorLabels } from "../render/collector.ts";
import { slotOf, tokenSlot } from "../token/slot.ts";
import { askExperimentOverHttp } from "./ask-experiment.ts";
import { CollectorReadings } from "./collector-readings.ts";
import { askGates, GateAnswers } from "./gate-answers.ts";

const [MINUTE, HOUR] = [60_000, 3_600_000];
const KEY = "shop/ranker";
const RATE = 0.25;
/** Users by number of the arm, as the shares say. */
const USERS = new Map([
  [2, 1_000],
  [3, 1_000],
  [0, 6_000],
  [15, 2_000],
]);

let folder: string;
let collect: CollectProcess;
let answers: GateAnswers;
let world: World;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-experiment-"));
  writeFiles(folder);
  collect = await startCollect(folder);
  const clock = { ...systemClock, now: () => world.observation().nowMilliseconds };
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "petrel-collector", labels: collectorLabels },
    data: { "access-tokens": Buffer.from(`${ACCESS_TOKEN}\n`).toString("base64") },
  };
  const nobody = () => Promise.reject(new Error("nobody else is asked"));
  const readings = new CollectorReadings({
    port: { get: async () => secret },
    clock,
    addressOf: () => collect.internal,
  });
  const ask = askGates(nobody, nobody, nobody, nobody, askExperimentOverHttp(readings));
  answers = new GateAnswers({ clock, ask, onAnswer: () => {} });
  world = servingWorld({
    replicas: 10,
    traffic: { timeout: "1s", stickiness: { header: "x-user-id", anonymous: "Random" } },
    quality: {
      labels: [{ name: "click", matures: "30m" }],
      metrics: [{ name: "ctr", type: "ClickThroughRate" }],
    },
  });
  // Two hours and a half ago by the clock of this machine the arms get their shares.
  world.passTime(Date.now() - 2.5 * HOUR - START_MILLISECONDS);
  world.experiments.make({ primary: { metric: "ctr" }, holdout: "20%", duration: "24h" });
  follow(world);
}, 120_000);

afterEach(async () => {
  answers.close();
  await collect.end("SIGKILL");
  rmSync(folder, { recursive: true });
}, 120_000);

async function post(path: "impressions" | "feedback", lines: readonly object[]): Promise<void> {
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const options = { method: "POST", body, headers: AUTHORIZATION };
  const response = await fetch(`${collect.internal}/${path}`, options);
  expect({ status: response.status, text: response.ok ? "" : await response.text() }).toEqual({
    status: 200,
    text: "",
  });
}

/**
 * Answers of all arms since then, and a click within a minute for a part of them.
 *
 * @param rates of clicks by number of the arm; {@link RATE} unless given.
 */
async function serve(rates: ReadonlyMap<number, number>, users = USERS): Promise<void> {
  const since = world.observation().nowMilliseconds;
  const lasting = Date.now() - 2 * MINUTE - since;
  const epoch = world.status.traffic?.epoch ?? 0;
  const requests = [...users].flatMap(([arm, count]) =>
    Array.from({ length: count }, (_, index) => {
      const seconds = Math.floor((since + (index * lasting) / count) / 1_000);
      const fields = { user: `${arm}-${index}`, seconds, slot: tokenSlot(slotOf(seconds)), epoch, arm };
      const token = tokenOf(arm * 100_000 + index, fields);
      // Spread like chance would, and the same in every run.
      return { token, seconds, isClicked: (index * 0.618_033_988_7) % 1 < (rates.get(arm) ?? RATE) };
    }),
  );
  const now = Date.now();
  const head = { router: "r", incarnation: "r/1", startedAt: since - HOUR, closedAt: now, to: now - 1_000 };
  await post("impressions", [{ ...head, number: 1 }, ...requests.map(({ token }) => ({ token }))]);
  const labels = requests
    .filter(({ isClicked }) => isClicked)
    .map(({ token, seconds }) => ({
      token,
      events: [{ label: "click", at: new Date((seconds + 60) * 1_000).toISOString() }],
    }));
  for (let from = 0; from < labels.length; from += 500)
    await post("feedback", labels.slice(from, from + 500));
}

/** A look at the present, a reading of the collector, and the look that sees it. */
async function look(): Promise<void> {
  world.passTime(Date.now() - world.observation().nowMilliseconds - 2_000);
  answers.follow(KEY, []);
  answers.follow(KEY, world.reconcile().gateQuestions ?? []);
  for (let wait = 0; answers.evidence(KEY)?.experiment === undefined; wait++) {
    if (wait === 5_000) throw new Error("nothing was read");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  world.gateEvidence = answers.evidence(KEY);
  world.reconcile();
}

const found = () =>
  (world.experiments.named().status.arms ?? []).map(
    ({ name, findings = [] }) => `${name} ${findings.map(({ finding }) => finding).join(" ")}`,
  );

test("what is better is found, and it goes on; who is held out does not count", async () => {
  await serve(
    new Map([
      [2, RATE * 1.6],
      [15, 0.9],
    ]),
  );
  await look();
  const { phase, arms, evidenceAt } = world.experiments.named().status;
  expect({ phase, found: found() }).toEqual({ phase: "Running", found: ["wide Better", "deep NotShown"] });
  expect(evidenceAt).toBeDefined();
  expect(arms?.[0]?.findings?.[0]).toMatchObject({ metric: "ctr", armAnswers: 1_000, controlAnswers: 6_000 });
}, 120_000);

test("harm of one arm ends it for all", async () => {
  await serve(new Map([[3, RATE * 0.4]]));
  await look();
  expect(world.experiments.named().status.verdict).toMatchObject({
    outcome: "Stopped",
    reason: "HarmShown",
    message: expect.stringMatching(
      /^arm deep does harm: ctr -.* from 1,000 answers and 6,000 of the control/,
    ),
  });
  expect(world.status.traffic?.arms.map(({ name, weight }) => `${name} ${weight}`)).toEqual(["Stable 10000"]);
}, 120_000);

test("users who do not come as planned end it, whatever the labels say", async () => {
  await serve(new Map([[2, RATE * 1.6]]), new Map([...USERS, [3, 700]]));
  await look();
  expect(world.experiments.named().status.verdict).toMatchObject({
    outcome: "Stopped",
    reason: "ArmsSkewed",
    message: expect.stringMatching(/^users did not come to the arms as planned: /),
  });
}, 120_000);
