/**
 * For how long nobody must have had anything to do before a world counts as at rest.
 */
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { World } from "./world.ts";

/** Nobody has had anything to do for so long: longer than any backoff. */
const QUIET_MILLISECONDS = 70_000;
/** So much longer where Jobs stand: that one has ended may be known before what its pod tells. */
const QUIET_WITH_JOBS_MILLISECONDS = 130_000;
/** And where experiments are under way: the last labels of one have five minutes to come, and are read once a minute. */
const QUIET_WITH_EXPERIMENTS_MILLISECONDS = 450_000;
/** Longer, too, where replicas follow a load: what is learned of it is saved once in five minutes. */
const QUIET_WITH_LOADS_MILLISECONDS = 325_000;
/** And where a drill waits for its probes. */
const QUIET_WITH_DRILLS_MILLISECONDS = 200_000;

/** In milliseconds, as things stand. */
export function quietMilliseconds(world: World): number {
  const isUnderWay = world
    .objects("ModelExperiment")
    .map(({ status }) => valueAt(status, "phase"))
    .some((phase) => phase === "Running" || phase === "Concluding");
  if (isUnderWay) return QUIET_WITH_EXPERIMENTS_MILLISECONDS;
  const isScaled = ({ spec }: KubeObject) => valueAt(spec, "autoscaling") !== undefined;
  if (world.objects("ModelDeployment").some(isScaled)) return QUIET_WITH_LOADS_MILLISECONDS;
  const drills = world.objects("FailoverDrill");
  if (drills.some(({ status }) => valueAt(status, "phase") !== "Ended"))
    return QUIET_WITH_DRILLS_MILLISECONDS;
  return world.objects("Job").length > 0 ? QUIET_WITH_JOBS_MILLISECONDS : QUIET_MILLISECONDS;
}
