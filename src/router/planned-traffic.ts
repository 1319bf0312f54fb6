/**
 * What a router reads of a ModelDeployment: the traffic plan in its status, checked whole.
 *
 * A plan that is not understood is not carried out in part, and takes nothing away: the one before it stays. A
 * router may be older or newer than the operator, so it checks what it reads and trusts no schema but its own.
 */
import { Compile } from "typebox/compile";
import { isScaledByPetrel } from "../api/autoscaling.ts";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { asRecord, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { MAXIMUM_FAULT_MILLISECONDS } from "../api/planned-drill.ts";
import { FULL_WEIGHT, type PlannedPool, type TrafficPlan, trafficPlanSchema } from "../api/traffic-plan.ts";
import { errorMessage } from "../core/log.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import { type PlannedTraffic, renderPlan } from "./progress.ts";

/** What stands in one ModelDeployment. */
export interface ObservedTraffic {
  readonly name: string;
  /** Being deleted: its traffic ends. */
  readonly isLeaving: boolean;
  /** Its replicas follow its load, so that is counted. */
  readonly isScaled: boolean;
  /** Absent when there is no plan yet, none that is valid, or one that needs credentials. */
  readonly traffic?: PlannedTraffic;
  /** A valid plan that can be rendered only once its credentials are known. */
  readonly unresolved?: TrafficPlan;
  /** Why the plan is not valid. */
  readonly invalid?: string;
}

/** Longest time-out of a plan: timers and buffers have to end some day. */
const MAXIMUM_TIMEOUT_MILLISECONDS = 3_600_000;

/** Names become names of files and of Envoy's resources. */
const NAME_PATTERN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const schema = Compile(trafficPlanSchema);

/** Reads a ModelDeployment. Never throws. */
export function readTraffic(
  object: KubeObject,
  settings: Pick<RenderSettings, "layout" | "address">,
): ObservedTraffic {
  const { name, deletionTimestamp } = object.metadata;
  const base = {
    name,
    isLeaving: deletionTimestamp !== undefined,
    isScaled: isScaledByPetrel({ autoscaling: asRecord(valueAt(object, "spec", "autoscaling")) }),
  };
  const plan = valueAt(object, "status", "traffic");
  if (plan === undefined) return base;
  try {
    if (!NAME_PATTERN.test(name))
      throw new InvalidPlanError(`the name ${JSON.stringify(name)} is no DNS label`);
    const checked = checkPlan(plan);
    return needsCredentials(checked)
      ? { ...base, unresolved: checked }
      : { ...base, traffic: renderPlan(name, checked, settings) };
  } catch (error) {
    return { ...base, invalid: `the traffic plan is not valid: ${errorMessage(error)}` };
  }
}

function needsCredentials({ tls, authentication }: TrafficPlan): boolean {
  return tls !== undefined || authentication !== undefined;
}

/** A traffic plan cannot be carried out. The message says where, what was expected and what came. */
export class InvalidPlanError extends Error {
  override readonly name = "InvalidPlanError";
}

/**
 * The value as a traffic plan.
 *
 * @throws {InvalidPlanError} or a DurationError when it is none.
 */
export function checkPlan(value: unknown): TrafficPlan {
  if (!schema.Check(value)) {
    const [first] = schema.Errors(value);
    throw new InvalidPlanError(
      `${first?.instancePath || "/"} ${first?.message ?? "does not match the schema"}`,
    );
  }
  const timeout = checkTime("timeout", value.timeout, MAXIMUM_TIMEOUT_MILLISECONDS);
  checkTime("perTryTimeout", value.perTryTimeout, timeout);
  checkDoor(value);
  checkArms(value);
  checkMirror(value);
  checkDrill(value);
  return value;
}

function checkTime(field: string, text: string, maximum: number): number {
  const milliseconds = parseDurationMilliseconds(text);
  if (milliseconds >= 1 && milliseconds <= maximum) return milliseconds;
  throw new InvalidPlanError(`${field}: expected 1ms to ${maximum}ms, found ${text}`);
}

function checkDoor({ tls, authentication }: TrafficPlan): void {
  if (authentication === undefined) return;
  const { type, jwt, mutualTLS } = authentication;
  // What is asked for and not understood must not become a door without a lock.
  if ((jwt !== undefined) !== (type === "JWT") || (mutualTLS !== undefined) !== (type === "MutualTLS"))
    throw new InvalidPlanError(`authentication: expected the field of the type ${type}, and it alone`);
  if (jwt !== undefined && (jwt.jwks.inline === undefined) === (jwt.jwks.from === undefined))
    throw new InvalidPlanError("authentication: expected exactly one source of keys");
  if (mutualTLS !== undefined && tls === undefined)
    throw new InvalidPlanError("authentication: expected tls beside mutualTLS");
}

function checkArms({ arms }: TrafficPlan): void {
  const sum = arms.reduce((total, { weight }) => total + weight, 0);
  if (arms.length > 0 && sum !== FULL_WEIGHT) {
    throw new InvalidPlanError(`arms: expected weights that add up to ${FULL_WEIGHT}, found ${sum}`);
  }
  if (new Set(arms.map(({ name }) => name)).size < arms.length) {
    throw new InvalidPlanError("arms: expected every name once");
  }
  for (const { name, pools } of arms) {
    if (pools.length === 0)
      throw new InvalidPlanError(`arms: expected at least one pool of arm ${name}, found none`);
    if (!areDistinct(pools)) {
      throw new InvalidPlanError(`arms: expected every pool and revision once in arm ${name}`);
    }
  }
}

/** With two arms each request would be drawn twice by the same number: the copies would be of one arm alone. */
function checkMirror({ arms, mirror }: TrafficPlan): void {
  if (mirror === undefined) return;
  const [arm] = arms;
  if (arms.length !== 1 || arm?.name !== "Stable")
    throw new InvalidPlanError("mirror: expected the arm Stable beside it, and no other one");
  if (!areDistinct(mirror.pools)) throw new InvalidPlanError("mirror: expected every pool and revision once");
}

/** The fault would be on another pool than the one that was meant, or have no end. */
function checkDrill({ arms, drill }: TrafficPlan): void {
  if (drill === undefined) return;
  const [arm] = arms;
  if (arms.length !== 1 || arm?.pools[0]?.pool !== drill.pool)
    throw new InvalidPlanError(`drill: expected one arm with ${drill.pool} as its first pool`);
  const { fault } = drill;
  if (fault === undefined) return;
  if ((fault.status === undefined) === (fault.delay === undefined))
    throw new InvalidPlanError("drill: expected either a status or a delay of the fault");
  if (fault.delay !== undefined) checkTime("drill delay", fault.delay, MAXIMUM_FAULT_MILLISECONDS);
  checkTime("drill longest", fault.longest, MAXIMUM_FAULT_MILLISECONDS);
  if (Number.isNaN(Date.parse(fault.until)))
    throw new InvalidPlanError(`drill: expected a time at which the fault ends, found ${fault.until}`);
}

function areDistinct(pools: readonly PlannedPool[]): boolean {
  return new Set(pools.map(({ pool, revision }) => `${pool} ${revision}`)).size === pools.length;
}
