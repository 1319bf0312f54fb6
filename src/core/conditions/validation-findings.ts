/**
 * What the conditions say of a validation: that it goes on, what was measured beside what was asked for, or why nothing
 * was.
 */
import type { ConditionReason } from "../../api/conditions.ts";
import { ANNOTATION } from "../../api/names.ts";
import type { ValidationStatus } from "../../api/validation-status.ts";
import type { Finding, Plans } from "./plan-conditions.ts";

const REASON_OF_OUTCOME = {
  Passed: "ValidationPassed",
  Failed: "ValidationFailed",
  NotMeasured: "ValidationNotMeasured",
} as const satisfies Record<NonNullable<ValidationStatus["outcome"]>, ConditionReason>;

const TYPE = "Validated";

/** Whether the revision of the spec has passed; undefined where it has not been asked, or not of this revision. */
export function validationFinding({ revisions, validation }: Plans): Finding | undefined {
  const { status, trouble } = validation;
  if (status?.revision !== revisions.stated.revision.name) return undefined;
  const { revision, baseline, job, outcome, message } = status;
  if (outcome === "Passed") {
    const told = `${revision} passed ${message}`;
    return { type: TYPE, status: "True", reason: REASON_OF_OUTCOME.Passed, message: told };
  }
  if (outcome !== undefined) {
    const what = outcome === "Failed" ? "did not pass" : "could not be judged";
    const told = `${revision} ${what}, and gets no traffic (${message}); another spec, or petrel retry (another value of the annotation ${ANNOTATION.retry}), begins anew`;
    return { type: TYPE, status: "False", reason: REASON_OF_OUTCOME[outcome], message: told };
  }
  const beside = baseline === undefined ? "" : ` beside ${baseline}`;
  const told = `Job ${job} judges ${revision}${beside} on the labelled set`;
  return {
    type: TYPE,
    status: "False",
    reason: "Validating",
    message: trouble === undefined ? told : `${told}: ${trouble}`,
  };
}

/** What keeps the revision of the spec from its release, or as the first one from its replicas. */
export function awaitedFinding(plans: Plans): Finding | undefined {
  const finding = plans.revisions.awaited === undefined ? undefined : validationFinding(plans);
  if (finding?.reason !== REASON_OF_OUTCOME.Passed) return finding;
  // Nothing follows from it before it is stored: until then nothing is more ready than it was.
  return { ...finding, status: "False", reason: "Validating" };
}

/** That nobody works on the revision of the spec any more, for its validation did not pass. */
export function refusedFinding(plans: Plans): Finding | undefined {
  const awaited = awaitedFinding(plans);
  return awaited === undefined || awaited.reason === "Validating"
    ? undefined
    : { ...awaited, type: "Stalled", status: "True" };
}
