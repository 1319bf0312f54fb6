/**
 * Planner `validation`: the Job that judges the desired revision on a labelled set, and what became of it.
 *
 * An outcome is stored once and holds: no Job is run again for it, whatever becomes of the Job. Whatever ends without a
 * result that tells of every threshold lets nothing pass.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { ValidationReport } from "../../api/validation-report.ts";
import type { ValidationStatus } from "../../api/validation-status.ts";
import { validationChecks } from "../../render/validation/validation-settings.ts";
import { validationJobName } from "../child-names.ts";
import { reportedMessage, reportedTime } from "../conditions/condition-words.ts";
import type { Observation, ObservedRevision, ObservedValidation } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { isRetried, retryToken } from "../rollout/current-release.ts";
import { validationSettingsHash } from "./awaited-validation.ts";
import { reportWords } from "./validation-words.ts";

/** What its pods tell may be seen later than that the Job has ended; then so much later at most. */
const REPORT_GRACE_MILLISECONDS = 120_000;

/** The validation of the desired revision. */
export interface ValidationPlan {
  /** For the status of the ModelDeployment. */
  readonly status?: ValidationStatus;
  /** The Job that has to be made. */
  readonly wanted?: {
    readonly name: string;
    readonly revision: ObservedRevision;
    readonly baseline: ObservedRevision | undefined;
  };
  /** Why it does not get on, as far as the API tells. */
  readonly trouble?: string;
  /** Names of Jobs that nobody needs. */
  readonly surplus: readonly string[];
  readonly wakeAtMilliseconds?: number;
}

/**
 * What is said of validations while nothing is carried out. A role that the spec gives meanwhile to another revision, as
 * nothing was ever made for the former one, is given with the validation that it waits for: or it would be taken for one
 * that was let in before there was anything to wait for.
 */
export function heldValidation(
  observation: Observation,
  { stable, desired }: Pick<RevisionPlan, "stable" | "desired">,
): ValidationPlan {
  const { spec, status } = observation.deployment;
  const isNew = stable.name === desired.name && status.revisions?.stable !== stable.name;
  const validation =
    spec.validation === undefined || !isNew
      ? status.validation
      : currentValidation(observation, desired, undefined, spec.validation);
  return { ...(validation === undefined ? {} : { status: validation }), surplus: [] };
}

/** Decides about the validation. */
export function planValidation(observation: Observation, revisions: RevisionPlan): ValidationPlan {
  const { spec, status } = observation.deployment;
  const probers = new Set(observation.probers);
  const jobs = [...observation.standing.keys()]
    .flatMap((child) => (child.startsWith("Job/") ? [child.slice("Job/".length)] : []))
    .filter((job) => !probers.has(job));
  const surplusBut = (kept?: string) => jobs.filter((name) => name !== kept);
  if (spec.validation === undefined) return { surplus: surplusBut() };
  const { awaited } = revisions;
  if (awaited === undefined) {
    const { validation: stored } = status;
    return { ...(stored?.outcome === undefined ? {} : { status: stored }), surplus: surplusBut() };
  }
  const { baseline } = awaited;
  const current = currentValidation(observation, revisions.desired, baseline, spec.validation);
  if (current.outcome !== undefined) {
    // What failed stays for a while: its log may tell more.
    return { status: current, surplus: surplusBut(current.outcome === "Passed" ? undefined : current.job) };
  }
  const seen = observation.validations?.find(({ job }) => job === current.job);
  const checkCount = validationChecks(spec.validation, baseline !== undefined).length;
  const ended = seen === undefined ? undefined : outcomeOf(seen, checkCount, observation.nowMilliseconds);
  if (ended !== undefined && "outcome" in ended) {
    const after = { ...current, ...ended, endedAt: reportedTime(observation.nowMilliseconds) };
    return { status: after, surplus: surplusBut(after.outcome === "Passed" ? undefined : after.job) };
  }
  const trouble = seen?.problem ?? seen?.trouble;
  return {
    status: current,
    ...(jobs.includes(current.job)
      ? {}
      : { wanted: { name: current.job, revision: revisions.desired, baseline } }),
    ...(trouble === undefined ? {} : { trouble }),
    surplus: surplusBut(current.job),
    ...ended,
  };
}

/** The validation that goes on or has ended, or a new one where that was another question. */
function currentValidation(
  observation: Observation,
  { name: revision }: ObservedRevision,
  baseline: ObservedRevision | undefined,
  validation: NonNullable<Observation["deployment"]["spec"]["validation"]>,
): ValidationStatus {
  const { metadata, status } = observation.deployment;
  const settings = validationSettingsHash(validation);
  const retry = retryToken(observation);
  const stored: ModelDeploymentStatus["validation"] = status.validation;
  const isSame =
    stored?.revision === revision && stored.baseline === baseline?.name && stored.settings === settings;
  if (stored !== undefined && isSame && !isRetried(observation, stored.retry)) return stored;
  return {
    revision,
    ...(baseline === undefined ? {} : { baseline: baseline.name }),
    settings,
    ...(retry === undefined ? {} : { retry }),
    job: validationJobName(metadata.name, [revision, baseline?.name ?? "", settings, retry ?? ""]),
    startedAt: reportedTime(observation.nowMilliseconds),
  };
}

type Outcome = Pick<ValidationStatus, "outcome" | "message" | "rows" | "requests" | "units" | "checks">;

/** What became of a Job; undefined while it goes on, and when to look again where its pods have still to be seen. */
function outcomeOf(
  { report, problem, end }: ObservedValidation,
  checkCount: number,
  nowMilliseconds: number,
): Outcome | { readonly wakeAtMilliseconds: number } | undefined {
  if (report !== undefined) return judged(report, checkCount);
  if (end === undefined) return undefined;
  const isTold = problem !== undefined || end.reason === "DeadlineExceeded";
  const lookAgainAt = end.atMilliseconds + REPORT_GRACE_MILLISECONDS;
  if (!isTold && nowMilliseconds < lookAgainAt) return { wakeAtMilliseconds: lookAgainAt };
  const why = problem ?? ([end.reason, end.message].filter((text) => text !== "").join(": ") || end.type);
  return notMeasured(why);
}

/** Every threshold has to be there and passed: what is left out must not be taken for passed. */
function judged(report: ValidationReport, checkCount: number): Outcome {
  const { passed, checks, rows, requests, units } = report;
  if (checks.length !== checkCount) {
    return notMeasured(`expected the result to tell of ${checkCount} thresholds, got ${checks.length}`);
  }
  const isPassed = passed && rows > 0 && checks.every(({ verdict }) => verdict === "Passed");
  return {
    outcome: isPassed ? "Passed" : "Failed",
    message: reportedMessage(reportWords(report)),
    ...{ rows, requests, units, checks },
  };
}

function notMeasured(why: string): Outcome {
  return { outcome: "NotMeasured", message: reportedMessage(why) };
}
