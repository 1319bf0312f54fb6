/**
 * What must be well before a drill, and all through it. Pure.
 *
 * Each check is a finding with a name; the first one keeps a drill from beginning, and stops one that has begun. What is not
 * known counts as not well.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import type { DrillObstacle } from "./advance-drill.ts";
import type { DrillPool } from "./drill-state.ts";

/** What preflight looks at. */
export interface PreflightView {
  /** Pool that is to be lost. */
  readonly pool: string;
  /** Of `Latency`: how long every try of it waits. Absent for every other fault. */
  readonly delay?: string | undefined;
  /** The plan as it is stored; absent before the first. */
  readonly traffic?: TrafficPlan;
  /** Ready replicas of a pool of a revision. */
  readonly readyReplicas: (revision: string, pool: string) => number;
  /** The chain when the drill began; absent before. */
  readonly begunWith?: readonly DrillPool[];
  /** The fault was asked for: what is left of the target is judged by what the probes find. */
  readonly isFaulted?: boolean;
  /** Live routers. */
  readonly routers: number;
  /** What else goes on with the ModelDeployment: a release, an undo, a suspension; for people. */
  readonly underWay?: string;
  /** Alarms that are on; for people. */
  readonly alarms: readonly string[];
}

type Check = (view: PreflightView) => DrillObstacle | undefined;

const obstacle = (reason: string, message: string): DrillObstacle => ({ reason, message });

/** The chain of the arm that has all of the traffic; undefined where there is none. */
function onlyChain({ traffic }: PreflightView): TrafficPlan["arms"][number]["pools"] | undefined {
  return traffic?.arms.length === 1 ? traffic.arms[0]?.pools : undefined;
}

const nothingElseGoesOn: Check = ({ underWay }) =>
  underWay === undefined ? undefined : obstacle("SomethingUnderWay", `${underWay} is under way`);

const noAlarmIsOn: Check = ({ alarms }) =>
  alarms.length === 0 ? undefined : obstacle("AlarmOn", `alarms are on: ${alarms.join(", ")}`);

const oneRevisionServes: Check = (view) =>
  onlyChain(view) === undefined
    ? obstacle("TrafficIsSplit", "not one revision has all of the traffic")
    : undefined;

const routersLive: Check = ({ routers }) =>
  routers > 0 ? undefined : obstacle("NoRouter", "there is no router");

const targetServes: Check = (view) =>
  onlyChain(view)?.[0]?.pool === view.pool
    ? undefined
    : obstacle("TargetDoesNotServe", `pool ${view.pool} is not the first of the plan`);

const somethingIsBehind: Check = (view) =>
  (onlyChain(view)?.length ?? 0) > 1
    ? undefined
    : obstacle("NoFallback", `there is no pool behind ${view.pool}`);

/** A request to the target alone is tried once, for all of the time: only its late answer proves the delay. */
const delayCanBeProven: Check = ({ delay, traffic }) => {
  if (delay === undefined) return undefined;
  if (traffic === undefined)
    return obstacle("DelayTooLong", "there is no plan whose timeout it could be below");
  const { timeout } = traffic;
  return parseDurationMilliseconds(delay) < parseDurationMilliseconds(timeout)
    ? undefined
    : obstacle(
        "DelayTooLong",
        `spec.fault.delay is ${delay}: expected less than ${timeout}, the traffic.timeout of the ModelDeployment, after which nothing is answered; Hang rehearses that`,
      );
};

/**
 * A drill takes nothing away from anybody, and one pool behind the target must be able to carry all of it. Once it has begun,
 * replicas that are asked for beyond those that it began with are no loss.
 */
const capacityIsThere: Check = (view) => {
  const [target, ...behind] = onlyChain(view) ?? [];
  if (target === undefined) return obstacle("TrafficIsSplit", "there is no plan");
  const needed = ({ pool, replicas }: typeof target) =>
    Math.min(replicas, view.begunWith?.find(({ name }) => name === pool)?.replicas ?? replicas);
  const ready = ({ revision, pool }: typeof target) => view.readyReplicas(revision, pool);
  const isWhole = (pool: typeof target) => needed(pool) > 0 && ready(pool) >= needed(pool);
  if (view.isFaulted === true ? ready(target) === 0 : !isWhole(target))
    return obstacle(
      "CapacityMissing",
      view.isFaulted === true
        ? `no replica of pool ${target.pool} is ready`
        : `replicas of pool ${target.pool} are missing before any fault`,
    );
  return behind.some(isWhole)
    ? undefined
    : obstacle(
        "CapacityMissing",
        "no pool behind it has all the replicas that it needs to carry the traffic",
      );
};

/** All checks, in the order in which they are told. */
export const PREFLIGHT_CHECKS = [
  nothingElseGoesOn,
  noAlarmIsOn,
  oneRevisionServes,
  routersLive,
  targetServes,
  somethingIsBehind,
  delayCanBeProven,
  capacityIsThere,
] as const satisfies readonly Check[];

/** What is not well; undefined where a drill may begin and go on. */
export function findObstacle(view: PreflightView): DrillObstacle | undefined {
  for (const check of PREFLIGHT_CHECKS) {
    const found = check(view);
    if (found !== undefined) return found;
  }
  return undefined;
}
