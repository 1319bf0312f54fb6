/** The planner of drills, in the whole chain of decisions: whose turn it is, what is asked for, and what ends it. */
import { describe, expect, test } from "@jest/globals";
import { DrilledWorld, observedDrill } from "../../../test/fixtures/drilled-world.ts";
import { TEST_SETTINGS } from "../../../test/fixtures/spec.ts";
import { valueAt } from "../../api/json.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { proberJobName, probersGroupName } from "../child-names.ts";
import { decide } from "../decide.ts";
import { drillKey, withoutDrill } from "./plan-drill.ts";
import { outage } from "./testdata/probe-records.ts";

const verdictOf = (world: DrilledWorld, name = "weekly") => world.drill(name).status.verdict;

test("a drill goes through its phases, passes, and leaves nothing", () => {
  const world = new DrilledWorld().make();
  const before = world.world.status.traffic;
  world.until("Ended");
  const { status } = world.drill();
  expect(status.verdict).toMatchObject({ outcome: "Passed", reason: "WithinObjectives" });
  expect(status.history?.map(({ phase }) => phase)).toEqual(
    ["Pending", "Control", "Injecting", "Observing", "Reverting", "Failback", "Removing", "Ended"].filter(
      (phase) => phase !== "Pending",
    ),
  );
  expect(status.evidence?.fault?.bad).toBe(0);
  expect(status.revision).toBe(world.world.status.revisions?.stable);
  world.second();
  expect(world.world.status.drill).toBeUndefined();
  expect(world.probers).toEqual([]);
  const { epoch: _before, ...former } = before ?? { epoch: 0 };
  const { epoch: _after, ...left } = world.world.status.traffic ?? { epoch: 0 };
  expect(left).toEqual(former);
});

test("a delay that nobody waits for is no drill, and says what it would have to be", () => {
  const late = new DrilledWorld({ traffic: { timeout: "600ms" } });
  late.make("weekly", { fault: { type: "Latency", pool: "gpu", delay: "600ms" } });
  late.second();
  expect(late.drill().status).toMatchObject({ phase: "Preflight", reason: "DelayTooLong" });
  late.world.passTime(600_000);
  late.second();
  expect(late.drill().status).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Inconclusive", reason: "DelayTooLong" },
  });
  expect(verdictOf(late)?.message).toContain("expected less than 600ms, the traffic.timeout");
  expect(late.world.status.traffic?.drill).toBeUndefined();
  const inTime = new DrilledWorld({ traffic: { timeout: "600ms" } });
  inTime.make("weekly", { fault: { type: "Latency", pool: "gpu", delay: "300ms" } });
  expect(inTime.until("Ended").drill().status.verdict).toMatchObject({ outcome: "Passed" });
});

test("one that does not recover fails", () => {
  const world = new DrilledWorld().make();
  for (let second = 0; second < 40; second += 1)
    world.second(...(world.planned?.fault === undefined ? [] : [outage(1_000)]));
  expect(verdictOf(world)).toMatchObject({ outcome: "Failed", reason: "NotRecovered" });
});

test("routers are asked only for what is stored", () => {
  const world = new DrilledWorld().make();
  for (let second = 0; second < 40; second += 1) {
    world.world.passTime(1_000);
    const { phase, faultUntil } = world.drill().status;
    const decision = world.decideOnce();
    const planned = decision.status.traffic?.drill;
    if (planned?.fault !== undefined) {
      expect(["Injecting", "Observing"]).toContain(phase);
      expect(planned.fault.until).toBe(faultUntil);
    }
    if (phase === undefined || phase === "Preflight" || phase === "Ended") expect(planned).toBeUndefined();
    world.second();
  }
  expect(verdictOf(world)?.outcome).toBe("Passed");
});

test("each change is one event", () => {
  const world = new DrilledWorld().make();
  const told: string[] = [];
  for (let second = 0; second < 40; second += 1)
    told.push(...world.second().flatMap(({ events }) => events.map(({ reason }) => reason)));
  expect(told).toEqual(["DrillBegan", "DrillFault", "DrillFaultTakenBack", "DrillPassed"]);
});

test("the second one waits for the first, and then has its turn", () => {
  const world = new DrilledWorld().make("first").make("second").until("Observing", "first");
  expect(world.drill("second").status).toMatchObject({ phase: "Pending", reason: "AnotherDrill" });
  expect(world.planned?.key).toBe(drillKey("uid-first"));
  world.until("Ended", "first").until("Observing", "second");
  expect(world.planned?.key).toBe(drillKey("uid-second"));
});

test("one that has not begun waits for its turn again when that is lost", () => {
  const world = new DrilledWorld({ pools: [{ name: "gpu" }] }).make("first").make("second");
  world.second();
  expect(world.drill("first").status).toMatchObject({ phase: "Preflight", reason: "NoFallback" });
  const { drill: _turn, ...status } = world.world.status;
  world.world.report({ ...decide(world.world.observation()), status });
  world.decideOnce();
  expect(world.world.status.drill?.name).toBe("first");
  expect(world.drill("first").status).toMatchObject({ phase: "Pending", reason: "TakesItsTurn" });
  world.decideOnce();
  expect(world.drill("first").status).toMatchObject({ phase: "Preflight" });
  expect(world.drill("first").status.history?.map(({ phase }) => phase)).toEqual(["Preflight"]);
  expect(world.drill("second").status).toMatchObject({ phase: "Pending", reason: "AnotherDrill" });
});

/** What an experiment needs: metrics to compare by. */
const COUNTED: Partial<ModelDeploymentSpec> = {
  quality: {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "clicks", type: "ClickThroughRate" }],
  },
};

test("an experiment keeps a drill from beginning as long as its arms have replicas or are to get some", () => {
  const world = new DrilledWorld(COUNTED);
  world.world.experiments.make();
  world.make().second();
  expect(world.drill().status).toMatchObject({ phase: "Preflight", reason: "SomethingUnderWay" });
  expect(world.drill().status.message).toContain("experiment test");
  world.world.startPods();
  for (const servers of world.world.servers) for (const pod of servers.pods) pod.isReady = true;
  world.second();
  expect(world.world.status.traffic?.arms.length).toBeGreaterThan(1);
  expect(world.drill().status).toMatchObject({ phase: "Preflight", reason: "SomethingUnderWay" });
  world.world.experiments.write({ stopped: true });
  expect(world.until("Ended").drill().status.verdict).toMatchObject({ outcome: "Passed" });
});

test("an experiment that only waits is in no drill's way", () => {
  const world = new DrilledWorld(COUNTED);
  world.world.experiments.make({ primary: { metric: "orders" } });
  world.make().until("Ended");
  expect(world.world.experiments.named().status).toMatchObject({
    phase: "Waiting",
    reason: "MetricUnusable",
  });
  expect(verdictOf(world)?.outcome).toBe("Passed");
});

const PHASES = ["Control", "Injecting", "Observing", "Reverting", "Failback"] as const;

describe.each(PHASES)("in phase %s", (phase) => {
  const begun = () => new DrilledWorld(COUNTED).make().until(phase);
  const spec = (world: DrilledWorld) => world.drill().spec;

  test.each([
    [
      "a person",
      "AbortedByPerson",
      (world: DrilledWorld) => world.write("weekly", { spec: { ...spec(world), abort: true } }),
    ],
    ["its deletion", "Deleted", (world: DrilledWorld) => world.write("weekly", { isLeaving: true })],
    [
      "the switch of the cluster",
      "DrillsStopped",
      (world: DrilledWorld) => {
        world.stopped = "a sale";
      },
    ],
    ["a suspension", "Suspended", (world: DrilledWorld) => void world.world.edit({ suspend: true })],
    [
      "a release",
      "SomethingUnderWay",
      (world: DrilledWorld) => void world.world.edit({ model: { uri: "https://models.example/v2.onnx" } }),
    ],
    ["an experiment", "SomethingUnderWay", (world: DrilledWorld) => world.world.experiments.make()],
    [
      "a replica that is lost",
      "CapacityMissing",
      (world: DrilledWorld) => {
        for (const servers of world.world.servers) for (const pod of servers.pods) pod.isReady = false;
      },
    ],
    [
      "a lost turn",
      "TurnLost",
      (world: DrilledWorld) => {
        const { drill: _turn, ...status } = world.world.status;
        const decision = decide(world.observation());
        world.world.report({ ...decision, status });
      },
    ],
  ])("%s ends it within a decision or two: %s", (_what, reason, happens) => {
    const world = begun();
    happens(world);
    world.decideOnce();
    world.decideOnce();
    expect(world.planned).toBeUndefined();
    expect(verdictOf(world)).toMatchObject({ outcome: "Aborted", reason });
    world.world.acknowledge();
    world.decideOnce();
    expect(world.drill().status.phase).toBe("Ended");
  });

  test("nothing is left of one whose object is gone", () => {
    const world = begun();
    world.drills = [];
    world.decideOnce();
    expect(world.planned).toBeUndefined();
    expect(world.world.status.drill).toBeUndefined();
    expect(world.probers).toEqual([]);
  });
});

/** Replicas of a pool are not ready any more. */
function lose(world: DrilledWorld, pool: string, count: number): void {
  const pods = world.world.servers
    .filter((servers) => servers.pool === pool)
    .flatMap((servers) => servers.pods);
  for (const pod of pods.slice(0, count)) pod.isReady = false;
}

test.each(PHASES)("replicas that are asked for in phase %s end no drill", (phase) => {
  const world = new DrilledWorld().make().until(phase);
  expect(world.drill().status.pools).toEqual([
    { name: "gpu", replicas: 2 },
    { name: "cpu", replicas: 2 },
  ]);
  world.world.edit({ replicas: 4, pools: [{ name: "gpu" }, { name: "cpu", replicas: 3 }] });
  world.second();
  // What is still to come carries nothing, and is missed by nobody.
  expect(world.world.status.traffic?.arms[0]?.pools.map(({ replicas }) => replicas)).toEqual([2, 2]);
  world.world.setReady(world.world.revisionName("v1"));
  world.second();
  expect(world.world.status.traffic?.arms[0]?.pools.map(({ replicas }) => replicas)).toEqual([4, 3]);
  expect(world.until("Ended").drill().status.verdict).toMatchObject({ outcome: "Passed" });
});

test.each(PHASES)(
  "a replica that the pool behind has lost ends it in phase %s, whatever is asked for",
  (phase) => {
    const world = new DrilledWorld().make().until(phase);
    world.world.edit({ replicas: 4 });
    lose(world, "cpu", 1);
    world.second();
    expect(verdictOf(world)).toMatchObject({ outcome: "Aborted", reason: "CapacityMissing" });
  },
);

test("a replica that the target loses ends a drill before the fault, and the last one does after it", () => {
  const before = new DrilledWorld().make().until("Control");
  lose(before, "gpu", 1);
  before.second();
  expect(verdictOf(before)).toMatchObject({ outcome: "Aborted", reason: "CapacityMissing" });
  for (const phase of ["Injecting", "Observing", "Reverting"] as const) {
    const world = new DrilledWorld().make().until(phase);
    lose(world, "gpu", 1);
    world.second();
    expect(verdictOf(world)).toBeUndefined();
    lose(world, "gpu", 2);
    world.second();
    expect(verdictOf(world)).toMatchObject({ outcome: "Aborted", reason: "CapacityMissing" });
  }
});

test.each(["Job", "NetworkPolicy"])("where the %s of the prober is refused, the drill alone ends", (kind) => {
  const world = new DrilledWorld().make().until("Control");
  const own = { Job: proberJobName("ranker", "uid-weekly"), NetworkPolicy: probersGroupName("ranker") };
  const object = `${kind}/${own[kind as keyof typeof own]}`;
  const refusals = [{ object, reason: "ChildRejected", message: "denied by a policy" } as const];
  const { conditions = [] } = world.decideOnce((seen) => decide({ ...seen, refusals })).status;
  expect(verdictOf(world)).toMatchObject({
    outcome: "Inconclusive",
    reason: "ProberRefused",
    message: `${object}: denied by a policy`,
  });
  expect(conditions.find(({ type }) => type === "Ready")?.status).toBe("True");
  expect(conditions.map(({ type }) => type)).not.toContain("Stalled");
  expect(world.until("Ended").planned).toBeUndefined();
});

test("a suspension leaves no prober", () => {
  const world = new DrilledWorld().make().until("Observing");
  const group = probersGroupName("ranker");
  const [job] = world.probers;
  world.world.edit({ suspend: true });
  const removed: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    removed.push(...world.decideOnce().remove.map(({ reference }) => reference.name));
    world.world.acknowledge();
  }
  expect(world.drill().status).toMatchObject({ phase: "Ended", verdict: { reason: "Suspended" } });
  expect(world.probers).toEqual([]);
  expect(removed).toContain(job);
  expect(removed).toContain(group);
});

test("it is over only once every live router has taken it back", () => {
  const world = new DrilledWorld().make().until("Observing");
  world.write("weekly", { spec: { ...world.drill().spec, abort: true } });
  for (let round = 0; round < 5; round += 1) world.decideOnce();
  expect(world.drill().status.phase).toBe("Removing");
  world.world.acknowledge("router-a");
  world.decideOnce();
  expect(world.drill().status.phase).toBe("Removing");
  world.world.acknowledge();
  world.decideOnce();
  expect(world.drill().status.phase).toBe("Ended");
});

test("what the prober cannot reach is not drilled", () => {
  const tls = { certificate: { name: "ranker-tls" } } as unknown;
  const world = new DrilledWorld();
  world.world.edit({ traffic: { timeout: "600ms", tls: tls as never } });
  world.world.settle();
  world.make().second();
  expect(world.drill().status).toMatchObject({ phase: "Preflight", reason: "ProbesRefused" });
});

test("one that could not pass whatever happened is not begun", () => {
  const world = new DrilledWorld();
  world.drills = [{ ...observedDrill("weekly"), problem: "the fault is too short" }];
  world.second();
  expect(world.drill().status).toMatchObject({
    phase: "Ended",
    verdict: { outcome: "Inconclusive", reason: "SettingsUnusable" },
  });
});

test("what is in the way keeps a drill from beginning for ten minutes, then it is inconclusive", () => {
  const world = new DrilledWorld({ pools: [{ name: "gpu" }] }).make();
  world.second();
  expect(world.drill().status).toMatchObject({ phase: "Preflight", reason: "NoFallback" });
  const [decision] = world.second();
  const { since = "" } = world.drill().status;
  expect(decision?.wakeAtMilliseconds).toBe(Date.parse(since) + 600_000);
  world.world.passTime(600_000);
  world.second();
  expect(verdictOf(world)).toMatchObject({ outcome: "Inconclusive", reason: "NoFallback" });
});

test("a stored status that cannot be read counts as long over", () => {
  const world = new DrilledWorld().make().until("Observing");
  const { status } = world.drill();
  world.write("weekly", { status: { ...status, since: "whenever", faultUntil: "never" } });
  world.decideOnce();
  expect(world.drill().status.phase).toBe("Reverting");
});

test("the prober has no rights, no root, and an end, and only operators ask it", () => {
  const operatorPods = { namespace: "petrel-system", labels: { app: "petrel" } };
  const world = new DrilledWorld().make();
  world.world.settings = { ...TEST_SETTINGS, operatorPods };
  world.world.settle();
  const objects: unknown[] = [];
  for (let second = 0; second < 3; second += 1) objects.push(...world.second().flatMap(({ apply }) => apply));
  const job = objects.find((object) => valueAt(object, "kind") === "Job");
  const podSpec = valueAt(job, "spec", "template", "spec");
  expect(podSpec).toMatchObject({
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  });
  expect(valueAt(podSpec, "containers")).toMatchObject([
    { securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } } },
  ]);
  expect(valueAt(job, "spec", "backoffLimit")).toBe(0);
  expect(Number(valueAt(job, "spec", "activeDeadlineSeconds"))).toBeGreaterThan(9);
  expect(valueAt(job, "metadata", "ownerReferences")).toMatchObject([
    { kind: "ModelDeployment", uid: "uid-ranker" },
  ]);
  const isPolicy = (object: unknown) =>
    valueAt(object, "kind") === "NetworkPolicy" &&
    valueAt(object, "metadata", "labels", "petrel.dev/component") === "prober";
  expect(valueAt(objects.find(isPolicy), "spec", "ingress")).toMatchObject([
    { from: [{ podSelector: { matchLabels: { app: "petrel" } } }], ports: [{ port: 9_400 }] },
  ]);
});

test("without a drill a plan is the very same", () => {
  const { traffic } = new DrilledWorld().world.status;
  expect(traffic === undefined ? undefined : withoutDrill(traffic)).toBe(traffic);
});
