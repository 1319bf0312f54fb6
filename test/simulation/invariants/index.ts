/**
 * Every invariant of the simulation.
 */

import { oneAutoscaler, takenOver } from "./autoscalers.ts";
import { handedOver, loadMemories, scaledInByKnowledge, scaledWithinBounds } from "./autoscaling.ts";
import { brokenModels } from "./broken-models.ts";
import { candidateEntry } from "./candidate-entry.ts";
import { capacityBeforeTraffic } from "./capacity-before-traffic.ts";
import { completeness } from "./completeness.ts";
import { conditionForm } from "./condition-form.ts";
import { convergence } from "./convergence.ts";
import { countedWhenLost, countedWhenReady } from "./counted-replicas.ts";
import {
  drillsAtRest,
  drillVerdictHolds,
  endedByPerson,
  endedClean,
  faultStoredFirst,
  neverFalselyPassed,
  oneDrill,
} from "./drills.ts";
import { epochs } from "./epochs.ts";
import {
  experimentAlone,
  experimentShares,
  foundByEvidence,
  stableStaysWhole,
  verdictStands,
} from "./experiments.ts";
import { experimentsAtRest } from "./experiments-at-rest.ts";
import { foreignObjects } from "./foreign-objects.ts";
import { freshLook } from "./fresh-look.ts";
import { holdbackWeights } from "./holdbacks.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";
import { leftovers } from "./leftovers.ts";
import { mirroredByRelease, mirroredWithoutWeight, mirroringEnds } from "./mirrored-requests.ts";
import { podTemplates, templateKept, templateStays } from "./pod-templates.ts";
import { ports } from "./ports.ts";
import { promotion } from "./promotion.ts";
import { promotedBySteps, stepGates, stepTimes } from "./release-steps.ts";
import { releaseWeights } from "./release-weights.ts";
import { releasesAtRest } from "./releases-at-rest.ts";
import { reportFirst } from "./report-first.ts";
import { revisionRecords } from "./revision-records.ts";
import { routersInUse, routersWhole } from "./routers.ts";
import { standbyTold } from "./standby.ts";
import { suspended } from "./suspended.ts";
import { trafficReadiness } from "./traffic-readiness.ts";
import { trafficWeights } from "./traffic-weights.ts";
import { undoneStaysAway, undoneToServed, undoStands } from "./undo.ts";
import { jobsAsked, outcomeHolds, outcomeTold, validatedAnew, validatedFirst } from "./validation.ts";

/** Checked at every write. */
export const INVARIANTS: readonly Invariant[] = [
  trafficWeights,
  trafficReadiness,
  brokenModels,
  capacityBeforeTraffic,
  freshLook,
  promotion,
  foreignObjects,
  epochs,
  candidateEntry,
  revisionRecords,
  reportFirst,
  conditionForm,
  routersInUse,
  templateKept,
  templateStays,
  suspended,
  releaseWeights,
  mirroredWithoutWeight,
  mirroredByRelease,
  promotedBySteps,
  stepTimes,
  stepGates,
  holdbackWeights,
  experimentShares,
  experimentAlone,
  stableStaysWhole,
  verdictStands,
  foundByEvidence,
  undoStands,
  undoneStaysAway,
  undoneToServed,
  outcomeTold,
  outcomeHolds,
  validatedFirst,
  validatedAnew,
  jobsAsked,
  scaledWithinBounds,
  scaledInByKnowledge,
  handedOver,
  takenOver,
  countedWhenReady,
  countedWhenLost,
  faultStoredFirst,
  oneDrill,
  neverFalselyPassed,
  drillVerdictHolds,
  endedByPerson,
  endedClean,
];

/** Checked once everything has come to rest. */
export const REST_INVARIANTS: readonly RestInvariant[] = [
  convergence,
  completeness,
  podTemplates,
  ports,
  leftovers,
  routersWhole,
  releasesAtRest,
  mirroringEnds,
  experimentsAtRest,
  loadMemories,
  oneAutoscaler,
  standbyTold,
  drillsAtRest,
];
