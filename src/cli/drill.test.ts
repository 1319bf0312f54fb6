import { describe, expect, test } from "@jest/globals";
import { drillSpec } from "../../test/fixtures/drilled-world.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { spec } from "../../test/fixtures/spec.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { FailoverDrillStatus } from "../api/drill-status.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { drillDrawing } from "./drill/drill-drawing.ts";
import { drillMarkdown, drillReport } from "./drill/drill-report.ts";
import { drillLines, drillView } from "./drill/drill-view.ts";
import { drillPage } from "./drill/report-page.ts";
import { abortDrill, askedDrill, runDrill, watchDrill } from "./drill/run-drill.ts";
import { EXIT } from "./exit-code.ts";

const NOW = Date.UTC(2026, 0, 2);
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();
const sums = { slow: 0, late: 0, witnesses: 300, met: 0, clear: 300 };
const PASSED: FailoverDrillStatus = {
  observedGeneration: 1,
  phase: "Ended",
  since: at(127),
  reason: "WithinObjectives",
  message: "probes were within the objectives after 200 ms",
  revision: "ranker-v1",
  verdict: {
    outcome: "Passed",
    reason: "WithinObjectives",
    message: "probes were within the objectives after 200 ms",
  },
  evidence: {
    control: { ...sums, sent: 1_500, bad: 0, moved: 0 },
    fault: { ...sums, sent: 3_000, bad: 4, moved: 2_996, met: 600, witnesses: 600, clear: 0 },
    after: { ...sums, sent: 1_500, bad: 0, moved: 10 },
    timeline: {
      faultAtMilliseconds: NOW,
      verified: 100,
      detected: 0,
      moved: 100,
      recovered: 200,
      reverted: 61_200,
      failedBack: 61_400,
      resolutionMilliseconds: 200,
    },
  },
  history: [
    { phase: "Control", at: at(0) },
    { phase: "Injecting", at: at(32) },
    { phase: "Observing", at: at(34) },
    { phase: "Reverting", at: at(94) },
    { phase: "Failback", at: at(96) },
    { phase: "Removing", at: at(126) },
    { phase: "Ended", at: at(127) },
  ],
};

const object = (status: object = PASSED, name = "weekly"): KubeObject => ({
  apiVersion: "petrel.dev/v1alpha1",
  kind: "FailoverDrill",
  metadata: { name, namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: drillSpec(),
  status,
});

function viewOf(status?: object, name?: string) {
  const view = drillView(object(status, name));
  if (view === undefined) throw new Error("it does not fit");
  return view;
}

test("each has a line", () => {
  const waits = { phase: "Preflight", reason: "NoFallback", message: "there is no pool behind gpu" };
  expect(drillLines([viewOf(), viewOf(waits), viewOf({})], NOW)).toEqual([
    "NAME    DEPLOYMENT  FAULT            PHASE                   AGE  MESSAGE",
    "weekly  ranker      PoolLoss of gpu  Ended (Passed)          24h  probes were within the objectives after 200 ms",
    "weekly  ranker      PoolLoss of gpu  Preflight (NoFallback)  24h  there is no pool behind gpu",
    "weekly  ranker      PoolLoss of gpu  Pending                 24h",
  ]);
  expect(drillLines([], NOW)).toEqual(["No drill is there."]);
  expect(drillView({ ...object(), spec: {} })).toBeUndefined();
});

describe("a report", () => {
  const report = drillReport(viewOf());

  test("tells every moment, count and phase", () => {
    const text = drillMarkdown(report);
    for (const line of [
      "# Drill weekly: Passed",
      "| recovered | 0.2 s | probes were within the objectives, while the fault was there |",
      "| failed back | 61.4 s | the target answered all probes again |",
      "| under the fault | 3000 | 4 | 99.87 % | 0 | 2996 | 600 of 600 |",
      "| Observing | 34 s | 60 s |",
      "| Objective: availability | at least 99% |",
    ])
      expect(text).toContain(`${line}\n`);
  });

  test("has no verdict before the drill has ended", () => {
    const removing = { ...PASSED, phase: "Removing", history: PASSED.history?.slice(0, -1) };
    expect(drillReport(viewOf(removing)).outcome).toBe("Unfinished");
    expect(drillReport(viewOf({}))).toMatchObject({ outcome: "Unfinished", reason: "Pending", phases: [] });
  });

  test("says what was not seen, in every form", () => {
    const { evidence, ...status } = PASSED;
    const { recovered: _never, ...timeline } = evidence?.timeline ?? { resolutionMilliseconds: 0 };
    const blind = drillReport(viewOf({ ...status, evidence: { ...evidence, timeline } }));
    expect(drillMarkdown(blind)).toContain("| recovered | not seen |");
    expect(drillPage(blind)).toContain("<td>not seen</td>");
    expect(drillDrawing(blind)).toContain(">not seen</text>");
    expect(drillPage(drillReport(viewOf({})))).toContain("Nothing was seen.");
  });

  test("as a page asks nobody for anything, and takes no text for markup", () => {
    const hostile = {
      ...PASSED,
      message: "",
      verdict: { ...PASSED.verdict, message: "<script>alert(1)</script>" },
    };
    const page = drillPage(drillReport(viewOf(hostile)));
    expect(page).not.toContain("<script");
    expect(page).toContain("&lt;script&gt;");
    const addresses = [...page.matchAll(/(?:src|href|url)\s*[=(]/g), ...page.matchAll(/@import/g)];
    expect(addresses).toEqual([]);
    expect(page.match(/https?:\/\/[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
  });

  test.each([
    ["Markdown", drillMarkdown],
    ["a page", drillPage],
  ])("as %s moves nothing on a terminal, whatever the reason of a person has in it", (_form, formOf) => {
    const message = "a person ended it: \u001b[2Ja\u009b1m sale\u202e begins";
    const aborted = {
      ...PASSED,
      verdict: { outcome: "Aborted", reason: "AbortedByPerson", message },
    };
    const text = formOf(drillReport(viewOf(aborted)));
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(text).toMatch(/a person ended it: +\\?\[2Ja 1m sale +begins/);
  });

  test("draws each phase and moment where its time is", () => {
    const drawing = drillDrawing(report) ?? "";
    const bars = [...drawing.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*><title>([A-Z]\w+)/g)];
    expect(bars.map(([, , , name]) => name)).toEqual([
      "Control",
      "Injecting",
      "Observing",
      "Reverting",
      "Failback",
      "Removing",
    ]);
    const [control, , observing] = bars.map(([, x, width]) => [Number(x), Number(width)]);
    expect((observing?.[1] ?? 0) / (control?.[1] ?? 1)).toBeCloseTo(60 / 32, 1);
    expect(drawing.match(/<circle/g)).toHaveLength(6);
  });
});

describe("a drill that is asked for", () => {
  const asked = { fault: "PoolLoss", body: "{}" } as const;
  const deployment = { name: "ranker", firstPool: "gpu" };

  test("has a name of what and when, and leaves to the schema what is not said", () => {
    const { metadata, spec: made } = askedDrill("shop", deployment, asked, NOW);
    expect(metadata).toEqual({ name: "ranker-poolloss-20260102t000000", namespace: "shop" });
    expect(made).toEqual({
      modelDeployment: "ranker",
      fault: { type: "PoolLoss", pool: "gpu" },
      probe: { path: "/v2/models/ranker/infer", body: "{}" },
      objectives: {},
    });
    const long = askedDrill("shop", { ...deployment, name: "a".repeat(63) }, asked, NOW);
    expect(long.metadata.name).toHaveLength(52);
  });

  test("is made, of the first pool of its ModelDeployment", async () => {
    const clock = new VirtualClock(NOW);
    const server = new MemoryApiServer(clock);
    await server.create(modelDeploymentObject("ranker", spec()), { fieldManager: "kubectl" });
    const connection = { port: server, clock, namespace: "shop" };
    const name = await runDrill(connection, "ranker", { ...asked, duration: "2m" });
    const made = await server.get({ resource: RESOURCE.failoverDrill, namespace: "shop", name });
    expect(made["spec"]).toMatchObject({ duration: "2m", fault: { pool: spec().pools[0]?.name } });
  });
});

async function cluster(status: object) {
  const clock = new VirtualClock(NOW);
  const server = new MemoryApiServer(clock);
  const { status: _none, ...made } = object();
  await server.create(made, { fieldManager: "kubectl" });
  const store = async (next: object) => {
    const { apiVersion, kind } = made;
    const metadata = { name: "weekly", namespace: "shop" };
    const options = { fieldManager: "operator", force: true, subresource: "status" } as const;
    await server.apply({ apiVersion, kind, metadata, status: next }, options);
  };
  await store(status);
  return { clock, server, store, connection: { port: server, clock, namespace: "shop" } };
}

describe("ending one", () => {
  const reference = { resource: RESOURCE.failoverDrill, namespace: "shop", name: "weekly" };

  test("writes that, why, and nothing else", async () => {
    const { server } = await cluster({ phase: "Observing" });
    await abortDrill(server, "shop", "weekly", "a sale");
    expect((await server.get(reference))["spec"]).toEqual({ ...drillSpec(), abort: true, reason: "a sale" });
  });

  test("is refused where it is over", async () => {
    const { server } = await cluster(PASSED);
    await expect(abortDrill(server, "shop", "weekly", undefined)).rejects.toMatchObject({
      exitCode: EXIT.refused,
      message: "weekly is over: Passed, probes were within the objectives after 200 ms",
    });
  });
});

describe("watching one", () => {
  test.each([
    ["Passed", EXIT.done],
    ["Failed", EXIT.refused],
    ["Inconclusive", EXIT.refused],
    ["Aborted", EXIT.refused],
  ])("tells its phases, and ends by its verdict: %s", async (outcome, code) => {
    const { clock, store, connection } = await cluster({
      phase: "Control",
      reason: "ProbesRun",
      message: "go",
    });
    const said: string[] = [];
    const watched = watchDrill(connection, "weekly", 60_000, (text) => said.push(text));
    await clock.advance(2_000);
    await store({ ...PASSED, verdict: { ...PASSED.verdict, outcome } });
    await clock.advance(2_000);
    expect(await watched).toBe(code);
    expect(said).toEqual([
      "Control (ProbesRun): go",
      `Ended (${outcome}): probes were within the objectives after 200 ms`,
    ]);
  });

  test("ends when time runs out, or the drill is deleted", async () => {
    const first = await cluster({ phase: "Control" });
    const late = watchDrill(first.connection, "weekly", 5_000, () => {});
    const expected = expect(late).rejects.toMatchObject({ exitCode: EXIT.timeout });
    await first.clock.advance(6_000);
    await expected;
    const second = await cluster({ phase: "Control" });
    const gone = watchDrill(second.connection, "weekly", 60_000, () => {});
    const refused = expect(gone).rejects.toMatchObject({ exitCode: EXIT.refused });
    await second.clock.advance(2_000);
    await second.server.delete({ resource: RESOURCE.failoverDrill, namespace: "shop", name: "weekly" }, {});
    await second.clock.advance(2_000);
    await refused;
  });
});
