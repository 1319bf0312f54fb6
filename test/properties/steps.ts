/**
 * Random walks through the world of one ModelDeployment: every step is an event (a pod, a router, a person)
 * or a part of the operator's own work (decide and report, or one single write), in any order.
 *
 * A decision's writes may be cut off at any point by the next decision: that is a killed operator.
 */
import fc from "fast-check";
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Observation } from "../../src/core/observation.ts";
import { type Effect, effectsOf, model, type World } from "../fixtures/world.ts";

/** Models that specs of a walk may name. Those called `broken` never become ready. */
export const MODEL_NAMES = ["v1", "v2", "v3", "broken-a", "broken-b"] as const;

const POOL_LAYOUTS: readonly ModelDeploymentSpec["pools"][] = [
  [{ name: "default" }],
  [{ name: "gpu" }, { name: "cpu", replicas: 2 }],
  [{ name: "cpu" }, { name: "gpu", replicas: 1 }],
  [{ name: "gpu" }, { name: "cpu", replicas: 0 }],
  [{ name: "gpu" }, { name: "cpu", replicas: 1, model: model("small") }],
  [{ name: "other" }],
  [{ name: "default", nodeSelector: { disk: "ssd" } }],
  [{ name: "default", resources: { requests: { cpu: "2" } } }],
];

/** One step of a walk. Indexes are taken modulo what there is. */
export type Step =
  | { readonly type: "Reconcile" }
  | { readonly type: "Decide" }
  | { readonly type: "Execute" }
  | { readonly type: "StartPods" }
  | { readonly type: "SetReady"; readonly servers: number; readonly count: number }
  | { readonly type: "AllReady" }
  | { readonly type: "Acknowledge"; readonly router: number; readonly lag: number }
  | { readonly type: "AllAcknowledge" }
  | { readonly type: "RouterLives"; readonly router: number; readonly isLive: boolean }
  | { readonly type: "ChangeModel"; readonly model: (typeof MODEL_NAMES)[number] }
  | { readonly type: "ChangeReplicas"; readonly replicas: number }
  | { readonly type: "ChangePools"; readonly layout: number }
  | { readonly type: "ChangeTimeout"; readonly timeout: string }
  | { readonly type: "DeleteRevision"; readonly revision: number }
  | { readonly type: "Upgrade"; readonly version: string }
  | { readonly type: "Refresh"; readonly token: string }
  /** To what served before, or to a model revision that there is. */
  | { readonly type: "Undo"; readonly token: string; readonly revision: number | null }
  | { readonly type: "StripAnnotations" };

const small = fc.nat({ max: 7 });

function constant<
  const Type extends
    | "Reconcile"
    | "Decide"
    | "Execute"
    | "StartPods"
    | "AllReady"
    | "AllAcknowledge"
    | "StripAnnotations",
>(type: Type) {
  return fc.constant({ type });
}

/** Any step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: constant("Reconcile") },
  { weight: 4, arbitrary: constant("Decide") },
  { weight: 4, arbitrary: constant("Execute") },
  { weight: 3, arbitrary: constant("StartPods") },
  { weight: 4, arbitrary: constant("AllReady") },
  { weight: 4, arbitrary: constant("AllAcknowledge") },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("SetReady" as const), servers: small, count: small }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("Acknowledge" as const),
      router: small,
      lag: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("RouterLives" as const), router: small, isLive: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("ChangeModel" as const),
      model: fc.constantFrom(...MODEL_NAMES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("ChangeReplicas" as const), replicas: fc.nat({ max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("ChangePools" as const), layout: small }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("ChangeTimeout" as const),
      timeout: fc.constantFrom("600ms", "2s"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("DeleteRevision" as const), revision: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("Upgrade" as const),
      version: fc.constantFrom("1.0.0", "1.1.0", "1.2.0"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("Refresh" as const), token: fc.constantFrom("a", "b") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("Undo" as const),
      token: fc.constantFrom("a", "b", "c", "d"),
      revision: fc.option(small),
    }),
  },
  { weight: 1, arbitrary: constant("StripAnnotations") },
);

/** Walks of up to 60 steps. */
export const walks = fc.array(step, { maxLength: 60, size: "max" });

/** What a step did that invariants speak of. */
export interface Happening {
  /** The world after the step. */
  readonly world: World;
  readonly before?: Observation;
  readonly decision?: Decision;
  readonly effect?: Effect;
}

function at<Item>(items: readonly Item[], index: number): Item | undefined {
  return items[index % Math.max(1, items.length)];
}

/**
 * Takes the steps one after the other and tells after each decision and each write what happened.
 *
 * @param decides what decides; an error that is planted stands in its place.
 */
export function* walk(
  steps: readonly Step[],
  world: World,
  decides: (observation: Observation) => Decision = decide,
): Generator<Happening> {
  let pending: Effect[] = [];
  function* decideOnce(): Generator<Happening> {
    world.passTime(1000);
    const before = world.observation();
    const decision = decides(before);
    world.report(decision);
    pending = [...effectsOf(decision)];
    yield { world, before, decision };
  }
  function* executeOnce(): Generator<Happening> {
    const effect = pending.shift();
    if (effect === undefined) return;
    yield { world, effect };
    world.execute(effect);
  }
  for (const next of steps) {
    switch (next.type) {
      case "Reconcile":
        yield* decideOnce();
        while (pending.length > 0) yield* executeOnce();
        break;
      case "Decide":
        yield* decideOnce();
        break;
      case "Execute":
        yield* executeOnce();
        break;
      default:
        takeEvent(next, world);
    }
  }
}

function takeEvent(event: Exclude<Step, { type: "Reconcile" | "Decide" | "Execute" }>, world: World): void {
  switch (event.type) {
    case "StartPods":
      world.startPods();
      return;
    case "SetReady": {
      const servers = at(world.servers, event.servers);
      if (servers !== undefined && world.canBecomeReady(servers)) {
        world.setReady(servers.revision, event.count, servers.pool);
      }
      return;
    }
    case "AllReady":
      for (const servers of world.servers) {
        if (world.canBecomeReady(servers)) world.setReady(servers.revision, undefined, servers.pool);
      }
      return;
    case "Acknowledge": {
      const router = at(world.routers, event.router);
      const plan = world.plans.at(-1 - event.lag);
      // Routers go forward only: a plan that is older than what Envoy has is never loaded.
      if (router !== undefined && plan !== undefined && plan.epoch > (router.plan?.epoch ?? 0))
        router.plan = plan;
      return;
    }
    case "AllAcknowledge":
      world.acknowledge();
      return;
    case "RouterLives": {
      const router = at(world.routers, event.router);
      if (router === undefined) return;
      // A router takes requests again only once it has caught up.
      if (event.isLive && !router.isLive && world.status.traffic !== undefined)
        router.plan = world.status.traffic;
      router.isLive = event.isLive;
      return;
    }
    case "ChangeModel":
      world.edit({ model: model(event.model) });
      return;
    case "ChangeReplicas":
      world.edit({ replicas: event.replicas });
      return;
    case "ChangePools": {
      const pools = at(POOL_LAYOUTS, event.layout);
      if (pools !== undefined) world.edit({ pools });
      return;
    }
    case "ChangeTimeout":
      world.edit({ traffic: { timeout: event.timeout } });
      return;
    case "DeleteRevision": {
      const revision = at([...world.revisions, ...world.podRevisions], event.revision);
      if (revision !== undefined) world.deleteRevision(revision.name);
      return;
    }
    case "Upgrade":
      world.upgrade(event.version);
      return;
    case "Refresh":
      world.refresh(event.token);
      return;
    case "Undo": {
      const revision = event.revision === null ? undefined : at(world.revisions, event.revision);
      world.undo(revision === undefined ? event.token : `${event.token} ${revision.name}`);
      return;
    }
    case "StripAnnotations":
      world.stripAnnotations();
      return;
  }
}
