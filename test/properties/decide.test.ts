/**
 * What must hold after every step of every walk through the world of a ModelDeployment.
 *
 * fast-check prints the seed and the shortest failing walk; `PETREL_PROPERTY_RUNS` sets how many walks are
 * taken.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Condition } from "../../src/api/conditions.ts";
import { canonicalJson } from "../../src/api/content-hash.ts";
import { valueAt } from "../../src/api/json.ts";
import type { ModelDeploymentStatus } from "../../src/api/model-deployment-status.ts";
import { ANNOTATION, LABEL } from "../../src/api/names.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../src/api/traffic-plan.ts";
import { desiredReplicas } from "../../src/core/capacity/desired-replicas.ts";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Observation } from "../../src/core/observation.ts";
import { readyReplicas } from "../../src/core/readiness.ts";
import { effectsOf, model, World } from "../fixtures/world.ts";
import { type Happening, walk, walks } from "./steps.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 300);

/** Checks `holds` after each step of random walks. */
function afterEveryStep(holds: (happening: Happening) => void): void {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const happening of walk(steps, new World())) holds(happening);
    }),
    { numRuns },
  );
}

/** Checks `holds` after each decision of random walks. */
function afterEveryDecision(
  holds: (before: Observation, status: ModelDeploymentStatus, decision: Decision, world: World) => void,
): void {
  afterEveryStep((happening) => {
    const { world, before, decision } = happening;
    if (before !== undefined && decision !== undefined) holds(before, decision.status, decision, world);
  });
}

function conditionOf(status: ModelDeploymentStatus, type: Condition["type"]): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

function pairsOf(
  plan: TrafficPlan | undefined,
): readonly { readonly revision: string; readonly pool: string }[] {
  return (plan?.arms ?? []).flatMap((arm) => arm.pools);
}

function readyIn(observation: Observation, plan: TrafficPlan | undefined): number {
  return pairsOf(plan).reduce(
    (sum, { revision, pool }) => sum + readyReplicas(observation, revision, pool),
    0,
  );
}

function mentions(plan: TrafficPlan, revision: string, pool: string): boolean {
  return pairsOf(plan).some((pair) => pair.revision === revision && pair.pool === pool);
}

function withoutEpoch(plan: TrafficPlan): string {
  const { epoch: _epoch, ...content } = plan;
  return canonicalJson(content);
}

test("the weights of the arms are the whole, or there is no arm", () => {
  afterEveryDecision((_before, { traffic }) => {
    const arms = traffic?.arms ?? [];
    const sum = arms.reduce((total, arm) => total + arm.weight, 0);
    expect(sum).toBe(arms.length === 0 ? 0 : FULL_WEIGHT);
    for (const arm of arms) expect(arm.pools).not.toHaveLength(0);
  });
});

test("no arm names the same pool of the same revision twice, nor more pools than the schema allows", () => {
  afterEveryDecision((_before, { traffic }) => {
    for (const arm of traffic?.arms ?? []) {
      const names = arm.pools.map(({ revision, pool }) => `${revision}/${pool}`);
      expect(new Set(names).size).toBe(names.length);
      expect(names.length).toBeLessThanOrEqual(16);
    }
  });
});

test("the epoch grows by one exactly when the plan changes, and never falls", () => {
  afterEveryDecision((before, { traffic }) => {
    const previous = before.deployment.status.traffic;
    if (previous === undefined || traffic === undefined) {
      expect(traffic?.epoch).toBe(Math.floor(before.nowMilliseconds / 1_000));
      return;
    }
    const isChanged = withoutEpoch(previous) !== withoutEpoch(traffic);
    expect(traffic.epoch).toBe(isChanged ? previous.epoch + 1 : previous.epoch);
  });
});

test("a revision enters the traffic only when it is ready: one that takes over from another with all replicas", () => {
  afterEveryDecision((before, { traffic }) => {
    const { spec, status } = before.deployment;
    const known = new Set(pairsOf(status.traffic).map(({ revision }) => revision));
    for (const arm of traffic?.arms ?? []) {
      const revision = arm.pools[0]?.revision ?? "";
      if (known.has(revision)) continue;
      const ready = spec.pools.map((pool) => readyReplicas(before, revision, pool.name));
      const wanted = spec.pools.map((pool) => desiredReplicas(spec, pool));
      if (readyIn(before, status.traffic) > 0) {
        for (const [index, count] of ready.entries())
          expect(count).toBeGreaterThanOrEqual(wanted[index] ?? 0);
      } else {
        expect(Math.max(...ready)).toBeGreaterThan(0);
      }
    }
  });
});

test("a candidate gets traffic anew only when all its replicas are ready", () => {
  afterEveryDecision((before, { traffic, revisions }) => {
    const { spec, status } = before.deployment;
    const arm = traffic?.arms.find(({ name }) => name === "Candidate");
    const candidate = revisions?.candidate;
    if (arm === undefined || candidate === undefined) return;
    expect(arm.pools[0]?.revision).toBe(candidate);
    const hadTraffic =
      status.revisions?.candidate === candidate &&
      status.traffic?.arms.some(({ name }) => name === "Candidate");
    if (hadTraffic === true) return;
    for (const pool of spec.pools) {
      expect(readyReplicas(before, candidate, pool.name)).toBeGreaterThanOrEqual(desiredReplicas(spec, pool));
    }
  });
});

test("traffic never leaves ready replicas for a plan without any, unless no replicas are asked for", () => {
  afterEveryDecision((before, { traffic }) => {
    const { spec, status } = before.deployment;
    const wanted = spec.pools.reduce((sum, pool) => sum + desiredReplicas(spec, pool), 0);
    if (wanted === 0 || readyIn(before, status.traffic) === 0) return;
    expect(readyIn(before, traffic)).toBeGreaterThan(0);
  });
});

test("no plan in force loses its model servers: none is removed or scaled to nothing while a plan names it", () => {
  afterEveryStep(({ world, effect }) => {
    for (const servers of world.servers) {
      const isRemoved = effect?.type === "Remove" && effect.remove.reference.name === servers.name;
      const isScaledToZero =
        effect?.type === "Scale" &&
        effect.scale.name === servers.name &&
        effect.scale.replicas === 0 &&
        servers.replicas > 0;
      if (!isRemoved && !isScaledToZero) continue;
      const naming = world.plansInForce.filter((plan) => mentions(plan, servers.revision, servers.pool));
      expect(naming).toEqual([]);
    }
  });
});

test("no write resets the replicas of model servers that stand", () => {
  afterEveryStep(({ world, effect }) => {
    if (effect?.type !== "Apply" || effect.object.kind !== "Deployment") return;
    const before = world.servers.find((servers) => servers.name === effect.object.metadata.name);
    if (before === undefined) return;
    const replicas = before.replicas;
    world.execute(effect);
    expect(before.replicas).toBe(replicas);
  });
});

test("standing model servers get another pod template only with another pod revision, that is other inputs", () => {
  afterEveryStep(({ world, effect }) => {
    if (effect?.type !== "Apply" || effect.object.kind !== "Deployment") return;
    const { name, annotations } = effect.object.metadata;
    const before = world.servers.find((servers) => servers.name === name);
    if (before === undefined || annotations?.[ANNOTATION.podRevision] !== before.podRevision) return;
    expect(valueAt(effect.object, "spec", "template")).toEqual(before.template);
  });
});

test("an upgrade changes no pod template, and a request to refresh every one, once", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const world = new World();
      for (const _ of walk(steps, world)) {
        // Only where the walk ends counts.
      }
      // Model servers of a pool that was given up stay as they are, for as long as the others do not become ready.
      // An undo ends with a retry.
      world
        .edit({ model: model("v1"), replicas: 1 })
        .retry("end")
        .settle();
      const templates = () => world.servers.map(({ name, template }) => ({ name, template }));
      const before = templates();
      world.upgrade("2.0.0").settle();
      expect(templates()).toEqual(before);
      expect(conditionOf(world.status, "RefreshAvailable")?.status).toBe("True");

      world.refresh("now").settle();
      const refreshed = templates();
      for (const { template } of refreshed) expect(JSON.stringify(template)).toContain("petrel:2.0.0");
      expect(conditionOf(world.status, "RefreshAvailable")).toBeUndefined();
      expect(world.podRevisions).toHaveLength(world.servers.length);
      world.upgrade("3.0.0").settle();
      expect(templates()).toEqual(refreshed);
    }),
    { numRuns },
  );
});

test("once pods and routers are healthy, and an undo is ended, the newest spec is promoted within 10 reconciles, and only it stays", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const world = new World();
      for (const _ of walk(steps, world)) {
        // Only where the walk ends counts.
      }
      if (world.spec.model.uri.includes("broken")) world.edit({ model: model("v1") });
      // With no replicas, a candidate has no way to show that it is better than the stable revision: it waits.
      if (world.spec.replicas === 0) world.edit({ replicas: 1 });
      // An undo that was only just asked for is taken up first, and is older than what ends it.
      world.reconcile();
      world.retry("end");
      expect(world.settle()).toBeLessThanOrEqual(10);
      const revision = world.revisionName();
      expect(conditionOf(world.status, "Promoted")?.status).toBe("True");
      expect(conditionOf(world.status, "Ready")?.status).toBe("True");
      expect(world.status.revisions).toEqual({ stable: revision });
      expect(new Set(world.servers.map((servers) => servers.revision))).toEqual(new Set([revision]));
      expect(new Set(world.servers.map((servers) => servers.pool))).toEqual(
        new Set(world.spec.pools.map((pool) => pool.name)),
      );
      for (const servers of world.servers) {
        const pool = world.spec.pools.find(({ name }) => name === servers.pool);
        expect(servers.replicas).toBe(pool === undefined ? 0 : desiredReplicas(world.spec, pool));
      }
      expect(effectsOf(decide(world.observation())).filter(({ type }) => type !== "Apply")).toEqual([]);
    }),
    { numRuns },
  );
});

test("what was undone gets no traffic anew while the undo stands, whatever else happens", () => {
  afterEveryDecision((before, { traffic, undo, revisions }) => {
    const stood = before.deployment.status.undo?.standing;
    const { standing } = undo ?? {};
    if (standing === undefined || standing.request !== stood?.request) return;
    const undone = before.revisions
      .filter(
        ({ name, data }) =>
          name !== standing.revision && standing.undone.some((model) => model.digest === data.model.digest),
      )
      .map(({ name }) => name);
    const former = before.deployment.status;
    const leads = (plan: TrafficPlan | undefined, revision: string) =>
      plan?.arms.some((arm) => arm.pools[0]?.revision === revision) === true;
    for (const revision of undone) {
      if (former.revisions?.stable === revision || leads(former.traffic, revision)) continue;
      expect(leads(traffic, revision)).toBe(false);
      expect(revisions?.stable).not.toBe(revision);
    }
  });
});

test("a revision that never becomes ready never gets traffic", () => {
  afterEveryDecision((before, { traffic }, _decision, world) => {
    for (const { revision } of pairsOf(traffic)) {
      const servers = before.modelServers.filter((present) => present.revision === revision);
      // A pool with a model of its own may answer for one whose model is broken.
      const canAnswer = servers.length === 0 || servers.some((present) => world.canBecomeReady(present));
      expect(canAnswer).toBe(true);
    }
  });
});

test("Ready is never True while a replica of the stable revision is missing", () => {
  afterEveryDecision((before, status) => {
    if (conditionOf(status, "Ready")?.status !== "True") return;
    const { spec } = before.deployment;
    for (const pool of spec.pools) {
      const ready = readyReplicas(before, status.revisions?.stable ?? "", pool.name);
      expect(ready).toBeGreaterThanOrEqual(desiredReplicas(spec, pool));
    }
  });
});

test("Ready is never True while fewer replicas than asked for are as the spec asks for by now", () => {
  afterEveryDecision((before, status, decision) => {
    if (conditionOf(status, "Ready")?.status !== "True") return;
    for (const { metadata, spec } of decision.apply.filter(({ kind }) => kind === "Deployment")) {
      const [revision, pool] = [LABEL.modelRevision, LABEL.pool].map((name) => metadata.labels?.[name]);
      if (revision !== status.revisions?.stable) continue;
      const id = valueAt(spec, "template", "metadata", "labels", LABEL.podTemplate);
      const current = before.pods.filter(
        (pod) => pod.revision === revision && pod.pool === pool && pod.isReady && pod.templateId === id,
      );
      const wanted = before.deployment.spec.pools.find(({ name }) => name === pool);
      expect(current.length).toBeGreaterThanOrEqual(
        wanted === undefined ? 0 : desiredReplicas(before.deployment.spec, wanted),
      );
    }
  });
});

test("nothing is written while it is suspended, and the traffic does not move", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      const world = new World();
      for (const _ of walk(steps, world)) {
        // Only where the walk ends counts.
      }
      const { traffic } = world.status;
      world.edit({ suspend: true });
      const { apply, scale, remove, status } = decide(world.observation());
      expect([apply, scale, remove]).toEqual([[], [], []]);
      expect(status.traffic).toEqual(traffic);
    }),
    { numRuns },
  );
});

test("Promoted becomes True only when all of the spec's revision serves, by a plan in which it alone comes first", () => {
  afterEveryDecision((before, status) => {
    if (conditionOf(status, "Promoted")?.status !== "True") return;
    const { spec } = before.deployment;
    const leading = (status.traffic?.arms ?? []).map((arm) => arm.pools[0]?.revision);
    const wanted = spec.pools.reduce((sum, pool) => sum + desiredReplicas(spec, pool), 0);
    expect(status.revisions?.candidate).toBeUndefined();
    expect(leading).toEqual(wanted === 0 ? [] : [status.revisions?.stable]);
    // Once it is so, pods and routers that are lost do not undo it.
    const { status: former } = before.deployment;
    const was =
      conditionOf(former, "Promoted")?.status === "True" &&
      former.revisions?.stable === status.revisions?.stable;
    expect(was || conditionOf(status, "Ready")?.status === "True").toBe(true);
    expect(was || wanted === 0 || before.routers.some((router) => router.isLive)).toBe(true);
  });
});

test("conditions follow kstatus", () => {
  afterEveryDecision((before, status) => {
    const { conditions = [] } = status;
    const { generation } = before.deployment.metadata;
    const types = conditions.map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    expect(types).toEqual(expect.arrayContaining(["Ready", "Available", "Promoted", "RolloutInProgress"]));
    for (const condition of conditions) {
      expect(condition.observedGeneration).toBe(generation);
      expect(condition.message).not.toBe("");
    }
    for (const type of ["Reconciling", "Stalled"] as const) {
      expect(conditionOf(status, type)?.status ?? "True").toBe("True");
    }
    const isReady = conditionOf(status, "Ready")?.status === "True";
    const atWork = ["Reconciling", "Stalled"].filter((type) => types.includes(type));
    const stalled = conditionOf(status, "Stalled")?.reason;
    // What was undone is worked on by nobody, and takes nothing from what serves.
    const isUndone = stalled === "Undoing" || stalled === "Undone";
    expect(atWork).toHaveLength(isReady && !isUndone ? 0 : 1);
    if (isUndone) expect(status.undo?.standing).toBeDefined();
    expect(status.observedGeneration).toBe(generation);
  });
});

test("a transition time moves exactly with the status of its condition", () => {
  afterEveryDecision((before, status) => {
    const now = new Date(before.nowMilliseconds).toISOString().replace(/\.\d+Z$/, "Z");
    for (const condition of status.conditions ?? []) {
      const previous = conditionOf(before.deployment.status, condition.type);
      const isSame = previous?.status === condition.status;
      expect(condition.lastTransitionTime).toBe(isSame ? previous.lastTransitionTime : now);
    }
  });
});
