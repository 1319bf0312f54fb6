/**
 * At rest, what people decided about releases has been carried out, and the traffic is where the releases say.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import { formatPercentage } from "../../../src/api/percentage.ts";
import { storedPlan } from "../plan-history.ts";
import type { RestInvariant } from "./invariant.ts";
import { isUndoLost } from "./obstacle.ts";
import { storedRelease, verdictOf } from "./stored-release.ts";

/** Old releases that are kept: ten, and the current one. */
const KEPT = 11;

/** Weights in effect are those of the status, an abort has reached nothing, and history is bounded. */
export const releasesAtRest: RestInvariant = {
  name: "releases have come to what people decided, and the traffic with them",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((deployment) => {
      if (valueAt(deployment, "spec", "suspend") === true || isUndoLost(deployment, facts)) return [];
      const { uid, name } = deployment.metadata;
      const releases = facts.world
        .objects("ModelRollout")
        .filter((release) => facts.ownerOf(release)?.metadata.uid === uid);
      const current = storedRelease(deployment, facts.world);
      const candidate = asString(valueAt(deployment, "status", "revisions", "candidate"));
      const plans = facts.plansThatCount(deployment);
      const shares = plans.map((plan) => plan.arms.find((arm) => arm.name === "Candidate"));
      const undecided = releases.filter((release) => release !== current && verdictOf(release) === undefined);
      const disobeyed = releases.filter(
        (release) => valueAt(release, "spec", "decision") === "Abort" && verdictOf(release) === undefined,
      );
      const isUnderWay = current !== undefined && verdictOf(current) === undefined && candidate !== undefined;
      const weight = isUnderWay ? valueAt(current, "status", "weight") : undefined;
      const inPlan = storedPlan(deployment)?.arms.find((arm) => arm.name === "Candidate")?.weight ?? 0;
      return [
        ...undecided.map((release) => `${release.metadata.name} has no verdict and is not the current one`),
        ...disobeyed.map((release) => `${release.metadata.name} is to be aborted and is not`),
        ...(releases.length > KEPT ? [`${name}: ${releases.length} releases are kept`] : []),
        ...shares.flatMap((arm) =>
          arm === undefined || arm.weight === 0 || arm.pools[0]?.revision === candidate
            ? []
            : [`${name}: ${arm.pools[0]?.revision} has ${arm.weight} and is no candidate`],
        ),
        ...(weight === undefined || weight === formatPercentage(inPlan)
          ? []
          : [`${name}: the release says ${weight}, the plan ${inPlan}`]),
      ];
    });
  },
};
