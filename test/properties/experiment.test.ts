/**
 * What must hold after every decision of every walk with an experiment, and that a walk notices errors that somebody could
 * make in the planner: each of these is planted, and some walk must find it.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../src/api/traffic-plan.ts";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import { EXPERIMENT_ARM_NAMES } from "../../src/core/experiment/experiment-shares.ts";
import type { Observation } from "../../src/core/observation.ts";
import { readyReplicas } from "../../src/core/readiness.ts";
import { servingWorld, type World } from "../fixtures/world.ts";
import { UNREADABLE } from "../fixtures/world-experiments.ts";
import { type Step, step, walk } from "./steps.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 60);
/** Walks within which a planted error has to be found. */
const RUNS_TO_NOTICE = 150;

const quality: NonNullable<ModelDeploymentSpec["quality"]> = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "clicks", type: "ClickThroughRate" }],
};

/** A person makes, stops or deletes an experiment, or time passes. */
type Try =
  | { readonly type: "Make"; readonly name: string; readonly holdout: boolean }
  | { readonly type: "Stop"; readonly name: string }
  | { readonly type: "Delete"; readonly name: string }
  | { readonly type: "Minutes"; readonly minutes: number };

const name = fc.constantFrom("test", "second");
const tried: fc.Arbitrary<Try> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("Make" as const), name, holdout: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("Stop" as const), name }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("Delete" as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("Minutes" as const), minutes: fc.constantFrom(1, 40, 130) }),
  },
);
/** Most of what happens is that things go well: else no experiment would come to its shares. */
const well: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { type: "Reconcile" },
  { type: "AllReady" },
  { type: "AllAcknowledge" },
);
const walks = fc.array(
  fc.oneof({ weight: 5, arbitrary: well }, { weight: 3, arbitrary: step }, { weight: 2, arbitrary: tried }),
  { maxLength: 60, size: "max" },
);

function take(next: Try, world: World): void {
  const { experiments } = world;
  const isThere = (wanted: string) => experiments.observed.some((one) => one.name === wanted);
  if (next.type === "Minutes") world.passTime(next.minutes * 60_000);
  else if (next.type === "Make") {
    if (!isThere(next.name)) experiments.make(next.holdout ? { holdout: "20%" } : {}, next.name);
  } else if (isThere(next.name)) {
    if (next.type === "Stop") experiments.write({ stopped: true }, next.name);
    else experiments.delete(next.name);
  }
}

/** What somebody decides in the place of the planners. */
type Decide = (observation: Observation) => Decision;

/** Takes the steps, and gives the first thing that is wrong; undefined when nothing is. */
function firstProblem(steps: readonly (Step | Try)[], decides: Decide): string | undefined {
  const world = servingWorld({ replicas: 4, quality, traffic: { timeout: "1s", stickiness: STICKY } });
  world.experiments.make();
  world.gateEvidence = UNREADABLE;
  const verdicts = new Map<string, string>();
  for (const next of steps) {
    if (isTry(next)) {
      take(next, world);
      continue;
    }
    for (const { before, decision } of walk([next], world, decides)) {
      if (before === undefined || decision === undefined) continue;
      const problem = problemOf(before, decision) ?? verdictProblem(decision, verdicts);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

const STICKY = { header: "x-user-id", anonymous: "Random" } as const;

function isTry(next: Step | Try): next is Try {
  return next.type === "Make" || next.type === "Stop" || next.type === "Delete" || next.type === "Minutes";
}

/** A verdict is never taken back. */
function verdictProblem({ experiments }: Decision, verdicts: Map<string, string>): string | undefined {
  for (const { experiment, status } of experiments) {
    const former = verdicts.get(experiment.uid);
    const now = status.verdict === undefined ? undefined : JSON.stringify(status.verdict);
    if (former !== undefined && now !== former) return "a verdict was taken back";
    if (now !== undefined) verdicts.set(experiment.uid, now);
  }
  return undefined;
}

function hasArms(plan: TrafficPlan | undefined): boolean {
  return plan?.arms.some(({ name: arm }) => EXPERIMENT_ARM_NAMES.has(arm)) === true;
}

function problemOf(before: Observation, decision: Decision): string | undefined {
  const { traffic, revisions } = decision.status;
  if (traffic === undefined) return undefined;
  const sum = traffic.arms.reduce((total, { weight }) => total + weight, 0);
  if (traffic.arms.length > 0 && sum !== FULL_WEIGHT) return `the weights add up to ${sum}`;
  const goes = leavingTooEarly(before, decision);
  if (goes !== undefined) return goes;
  if (!hasArms(traffic)) return undefined;
  const names = traffic.arms.map(({ name: arm }) => arm);
  if (names.includes("Candidate") || revisions?.candidate !== undefined)
    return "a release shares the traffic";
  const running = decision.experiments.filter(({ status }) => status.phase === "Running");
  if (running.length !== 1) return `arms have traffic, and ${running.length} experiments run`;
  const [only] = running;
  if (only?.experiment.spec.stopped === true) return "one that a person stopped has traffic";
  const salts = new Set(before.rollouts.map(({ spec }) => spec.revision));
  const { salt } = traffic.stickiness ?? {};
  if (traffic.stickiness !== undefined && (salt === undefined || salts.has(salt)))
    return "the salt is of a release";
  const wasThere = hasArms(before.deployment.status.traffic);
  for (const { name: arm, pools, weight } of traffic.arms) {
    if (!EXPERIMENT_ARM_NAMES.has(arm)) continue;
    if (pools.at(-1)?.revision !== revisions?.stable) return `nothing of stable stands behind ${arm}`;
    const planned = only?.status.arms?.find((one) => one.arm === arm);
    if (planned !== undefined && planned.weight !== `${weight / 100}%`)
      return `${arm} has another share than is told`;
    const [own] = pools;
    const ready = own === undefined ? 0 : readyReplicas(before, own.revision, own.pool);
    if (arm === "Holdout") continue;
    if (ready === 0) return `${arm} has traffic and no ready replica`;
    if (!wasThere && ready < (own?.replicas ?? 0)) return `${arm} enters with less than its replicas`;
  }
  return undefined;
}

/** Capacity never leaves before the traffic has left it. */
function leavingTooEarly(before: Observation, { remove, scale }: Decision): string | undefined {
  const acknowledged = Math.min(
    ...before.routers.filter(({ isLive }) => isLive).map((router) => router.acknowledgedEpoch),
  );
  const { traffic } = before.deployment.status;
  const isInEffect = traffic !== undefined && acknowledged === traffic.epoch;
  for (const { name: servers, revision, pool, replicas } of before.modelServers) {
    const isNamed = traffic?.arms.some(({ pools }) =>
      pools.some((planned) => planned.revision === revision && planned.pool === pool),
    );
    if (isInEffect && isNamed !== true) continue;
    const isRemoved = remove.some(
      ({ reference }) => reference.name === servers && reference.resource.kind === "Deployment",
    );
    const isEmptied = scale.some(
      (intent) => intent.name === servers && intent.replicas === 0 && replicas > 0,
    );
    if (traffic !== undefined && (isRemoved || isEmptied)) return `${servers} goes before its traffic`;
  }
  return undefined;
}

test("holds in every walk", () => {
  fc.assert(
    fc.property(walks, (steps) => {
      expect(firstProblem(steps, decide)).toBeUndefined();
    }),
    { numRuns },
  );
});

test("walks come to experiments that run, that are interrupted and that end by their time", () => {
  const seen = new Set<string>();
  const watching: Decide = (observation) => {
    const decision = decide(observation);
    for (const { status } of decision.experiments) seen.add(status.verdict?.reason ?? status.phase ?? "");
    return decision;
  };
  for (const steps of fc.sample(walks, { numRuns: 60, seed: 20_260_101 })) firstProblem(steps, watching);
  const wanted = ["Waiting", "Running", "Concluding", "StoppedByPerson", "ReleaseBegan", "DurationPassed"];
  expect([...seen]).toEqual(expect.arrayContaining(wanted));
});

/** The real decision with another plan. */
function planning(change: (plan: TrafficPlan, observation: Observation) => Partial<TrafficPlan>): Decide {
  return (observation) => {
    const decision = decide(observation);
    const { traffic } = decision.status;
    if (traffic === undefined) return decision;
    return {
      ...decision,
      status: { ...decision.status, traffic: { ...traffic, ...change(traffic, observation) } },
    };
  };
}

const BUGS: Readonly<Record<string, Decide>> = {
  "keeps the shares of an experiment when a release begins": planning((plan, { deployment }) =>
    hasArms(deployment.status.traffic) && !hasArms(plan) && plan.arms.length > 0
      ? { arms: deployment.status.traffic?.arms ?? [] }
      : {},
  ),
  "gives an arm its share before its replicas are there": (observation) =>
    decide({
      ...observation,
      pods: observation.pods.map((pod) =>
        pod.revision === observation.deployment.status.revisions?.stable ? pod : { ...pod, isReady: true },
      ),
    }),
  "gives an arm twice its share": planning((plan) =>
    hasArms(plan)
      ? {
          arms: plan.arms.map((arm) =>
            arm.name === "ArmA"
              ? { ...arm, weight: 2_000 }
              : arm.name === "Stable"
                ? { ...arm, weight: arm.weight - 1_000 }
                : arm,
          ),
        }
      : {},
  ),
  "puts nothing behind an arm": planning((plan) => ({
    arms: plan.arms.map((arm) => (arm.name === "ArmA" ? { ...arm, pools: arm.pools.slice(0, 1) } : arm)),
  })),
  "forgets the share of those who are held out": planning((plan) => ({
    arms: plan.arms.filter(({ name: arm }) => arm !== "Holdout"),
  })),
  "does not hear that a person stopped it": (observation) => {
    const { experiments = [] } = observation;
    const decision = decide({
      ...observation,
      experiments: experiments.map((one) => ({ ...one, spec: { ...one.spec, stopped: false } })),
    });
    const reports = decision.experiments.map((report) => ({
      ...report,
      experiment: experiments.find(({ uid }) => uid === report.experiment.uid) ?? report.experiment,
    }));
    return { ...decision, experiments: reports };
  },
  "forgets its verdict": (observation) =>
    decide({
      ...observation,
      experiments: (observation.experiments ?? []).map((one) => {
        const { verdict: _forgotten, ...status } = one.status;
        return { ...one, status };
      }),
    }),
  "takes the arms' servers away at once": (observation) => {
    const decision = decide(observation);
    const isOver = decision.experiments.some(({ status }) => status.phase !== "Running");
    const stable = decision.status.revisions?.stable;
    return isOver
      ? {
          ...decision,
          scale: [
            ...decision.scale,
            ...observation.modelServers
              .filter(({ revision }) => revision !== stable)
              .map(({ name: servers }) => ({ name: servers, namespace: "shop", replicas: 0 })),
          ],
        }
      : decision;
  },
};

describe("a planted error is noticed", () => {
  test.each(Object.entries(BUGS))("%s", (_what, decides) => {
    const found = fc
      .sample(walks, { numRuns: RUNS_TO_NOTICE, seed: 20_260_101 })
      .some((steps) => firstProblem(steps, decides) !== undefined);
    expect(found).toBe(true);
  });
});
