/**
 * Failovers that are rehearsed: one that works passes and leaves nothing, one that does not fails, a person ends one at once, and
 * nobody's requests but those of the drills meet any of it. It has the cluster for itself: a verdict rests on measured times.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import type { FailoverDrillStatus } from "../src/api/drill-status.ts";
import { valueAt } from "../src/api/json.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "ranker";
const [deployment, drill] = parseAllDocuments(
  readFileSync(join(import.meta.dirname, "../examples/drill.yaml"), "utf8"),
).map((document) => document.toJS());
/** An abort is to be in effect within 5 s; here within three times as long. */
const ABORT_MILLISECONDS = 15_000;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "drill");
  await scenario.apply(deployment);
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

async function statusOf(name: string): Promise<FailoverDrillStatus> {
  return (valueAt(await scenario.get("failoverdrill", name), "status") ?? {}) as FailoverDrillStatus;
}

async function begin(name: string, changes: object): Promise<void> {
  await scenario.apply({ ...drill, metadata: { name }, spec: { ...drill.spec, ...changes } });
}

function phaseOf(name: string, phase: FailoverDrillStatus["phase"], seconds: number) {
  const said = `drill ${name} to be ${phase}`;
  return scenario.until(
    said,
    () => statusOf(name),
    (seen) => seen.phase === phase,
    seconds,
  );
}

async function expectNothingLeft(): Promise<void> {
  await scenario.until(
    "nothing to be left of a drill",
    async () => {
      const status = await scenario.status(NAME);
      const jobs = await scenario.kubectl("get", "jobs,networkpolicies", "-o", "name");
      return { turn: status.drill, planned: status.traffic?.drill, jobs };
    },
    ({ turn, planned, jobs }) => turn === undefined && planned === undefined && !jobs.includes("prober"),
    60,
  );
}

test("the loss of the first pool is answered by the second one, and the drill passes", async () => {
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(drill);
    await phaseOf(drill.metadata.name, "Ended", 360);
  });
  expect(report.failures).toEqual([]);
  const { verdict, evidence, history } = await statusOf(drill.metadata.name);
  expect(verdict).toMatchObject({ outcome: "Passed", reason: "WithinObjectives" });
  expect(evidence?.timeline?.recovered).toBeLessThanOrEqual(10_000);
  expect(evidence?.fault?.moved).toBeGreaterThan(1_000);
  expect(history?.map(({ phase }) => phase)).toContain("Failback");
  console.info(`drill: ${JSON.stringify(evidence)}`);
  await expectNothingLeft();
  const watched = await scenario.petrel("drill", "watch", drill.metadata.name);
  expect(watched).toContain("Passed");
  const page = await scenario.petrel("drill", "report", drill.metadata.name, "--format", "html");
  expect(page).toContain("<svg");
}, 480_000);

test("errors that nothing fails over from are not recovered from, and the drill fails", async () => {
  const fault = { type: "Errors", pool: "first", status: 500 };
  await begin("errors", { fault, control: "10s", duration: "30s", failback: "10s" });
  const { verdict } = await phaseOf("errors", "Ended", 300);
  expect(verdict).toMatchObject({ outcome: "Failed", reason: "NotRecovered" });
  await expectNothingLeft();
}, 360_000);

test("a person ends one under its fault, and all of it is taken back at once", async () => {
  await begin("aborted", { duration: "5m" });
  await phaseOf("aborted", "Observing", 240);
  const at = Date.now();
  await scenario.petrel("drill", "abort", "aborted", "--reason", "enough");
  const { verdict, since = "" } = await phaseOf("aborted", "Ended", 60);
  expect(verdict).toMatchObject({ outcome: "Aborted", reason: "AbortedByPerson" });
  // All of the cluster is on this machine's clock.
  expect(Date.parse(since) - at).toBeLessThanOrEqual(ABORT_MILLISECONDS);
  console.info(`abort to ended: ${Date.parse(since) - at} ms`);
  await expectNothingLeft();
}, 420_000);
