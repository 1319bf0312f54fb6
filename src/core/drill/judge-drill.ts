/**
 * The verdict on a drill, from its probes. Pure.
 *
 * Passed is what is left when nothing is missing and nothing is wrong: the first finding of the chain wins, and what is missing
 * comes before what is wrong. Broken monitoring must never look like a failover that works, nor like one that does not.
 */
import type { ProbeRecord } from "../../api/probe-record.ts";
import { type DrillSettings, probesNeeded } from "./drill-settings.ts";
import { type FaultPeriods, faultPeriods, LEAST_WITNESSES, VERIFYING_MILLISECONDS } from "./fault-periods.ts";
import { rangeMilliseconds, type SlotRange, type SlotSums, slotsOf, sumSlots } from "./slot-sums.ts";
import { type DrillTimeline, drillTimeline, isAvailable, isFast, isWithin } from "./timeline.ts";

/** How a drill ended. */
export interface DrillVerdict {
  readonly outcome: "Passed" | "Failed" | "Inconclusive" | "Aborted";
  /** In UpperCamelCase. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** By what a drill was judged. */
export interface DrillEvidence {
  readonly control: SlotSums;
  readonly fault?: SlotSums;
  readonly after?: SlotSums;
  readonly timeline?: DrillTimeline;
}

/** More probes than this share that the prober itself sent late, and it measured itself. */
const MAXIMUM_LATE_SHARE = 0.01;
/**
 * In a control period: what other pools answer, and witnesses that are not answered; under the fault: what the target answers
 * well.
 */
const MAXIMUM_STRAY_SHARE = 0.01;

interface Findings {
  readonly record: ProbeRecord;
  readonly periods: FaultPeriods;
  readonly evidence: DrillEvidence;
  readonly settings: DrillSettings;
}

type Finding = Omit<DrillVerdict, "outcome"> | undefined;
type Check = (findings: Findings) => Finding;

/** What was measured. */
export function drillEvidence(
  record: ProbeRecord,
  settings: Pick<DrillSettings, "objectives" | "holdMilliseconds">,
  periods: FaultPeriods = faultPeriods(record),
): DrillEvidence {
  const { control, fault, after } = periods;
  const timeline = drillTimeline(record, periods, settings);
  return {
    control: sumSlots(record, control),
    ...(fault === undefined ? {} : { fault: sumSlots(record, fault) }),
    ...(after === undefined ? {} : { after: sumSlots(record, after) }),
    ...(timeline === undefined ? {} : { timeline }),
  };
}

/** Why the control period shows nothing, or something that was wrong before the fault; undefined where it is sound. */
export function controlProblem(
  record: ProbeRecord,
  { control }: FaultPeriods,
  { objectives, controlMilliseconds }: DrillSettings,
): Finding {
  const sums = sumSlots(record, control);
  const broken = (message: string) => ({ reason: "ControlBroken", message: `before the fault ${message}` });
  const length = rangeMilliseconds(record, control);
  // Slots at the edges may be lost; nine tenths of what was asked for are enough.
  if (length < controlMilliseconds * 0.9 || sums.sent === 0)
    return {
      reason: "ControlTooShort",
      message: `probes were counted for ${length} ms before the fault, expected ${controlMilliseconds} ms`,
    };
  if (sums.late > sums.sent * MAXIMUM_LATE_SHARE) return broken("the prober itself was late");
  if (sums.witnesses < LEAST_WITNESSES || sums.clear < sums.witnesses * (1 - MAXIMUM_STRAY_SHARE))
    return broken(`the target answered ${sums.clear} of ${sums.witnesses} requests to it alone`);
  if (!isWithin(sums, objectives))
    return broken(`${sums.bad} of ${sums.sent} probes were bad, and ${sums.slow} were slow`);
  if (sums.moved > sums.sent * MAXIMUM_STRAY_SHARE)
    return broken(`other pools answered ${sums.moved} of ${sums.sent} probes`);
  return undefined;
}

/** What must be there before anything can be said. */
const MISSING: readonly Check[] = [
  ({ record, periods, settings }) => controlProblem(record, periods, settings),
  ({ periods: { verified } }) =>
    verified === undefined
      ? { reason: "FaultNotVerified", message: "not every request to the target met the fault" }
      : undefined,
  ({ record, periods: { verified }, settings: { objectives } }) => {
    const counted = verified === undefined ? 0 : sumSlots(record, verified).sent;
    const needed = probesNeeded(objectives);
    return counted < needed
      ? {
          reason: "TooFewProbes",
          message: `${counted} probes were counted while every witness met the fault, and ${needed} are needed`,
        }
      : undefined;
  },
  ({ evidence: { fault } }) =>
    fault !== undefined && fault.late > fault.sent * MAXIMUM_LATE_SHARE
      ? { reason: "ProberLate", message: "the prober itself was late under the fault" }
      : undefined,
];

/** Of a period and of its part in which all routers are alike: neither may hide in the other what is wrong. */
function sumsOf(record: ProbeRecord, ...ranges: readonly (SlotRange | undefined)[]): readonly SlotSums[] {
  return ranges.flatMap((range) => (range === undefined ? [] : [sumSlots(record, range)]));
}

/**
 * Whether all met the fault that every witness met: where requests reach a router that does not have it, what the target answers
 * there looks like a failover. Under latency the target may answer; and routers do not end a fault in one moment.
 */
const whole: Check = ({ record, periods: { verified }, settings }) => {
  if (verified === undefined || settings.fault === "Latency") return undefined;
  const to = verified.to - slotsOf(record, VERIFYING_MILLISECONDS);
  const { sent, bad, moved } = sumSlots(record, { from: verified.from, to });
  const missed = sent - bad - moved;
  return missed > sent * MAXIMUM_STRAY_SHARE
    ? {
        reason: "FaultNotWhole",
        message: `the target answered ${missed} of ${sent} probes well under the fault: not every router had it`,
      }
    : undefined;
};

/** What is wrong with the failover while the fault is there. */
const WRONG_UNDER_FAULT: readonly Check[] = [
  ({ evidence: { fault, timeline }, settings: { objectives } }) => {
    const { recoveryMilliseconds } = objectives;
    const recovered = timeline?.recovered;
    // Too late is too late, however exact the time is: the error is counted against the failover.
    if (recovered !== undefined && recovered <= recoveryMilliseconds) return undefined;
    if (recovered !== undefined)
      return {
        reason: "RecoveredTooLate",
        message: `probes were within the objectives after ${recovered} ms, expected at most ${recoveryMilliseconds} ms`,
      };
    return {
      reason: "NotRecovered",
      message: `probes were not within the objectives while the fault was there: ${fault?.bad} of ${fault?.sent} were bad, ${fault?.slow} were slow`,
    };
  },
  ({ record, periods: { fault, verified }, settings: { objectives } }) => {
    const low = sumsOf(record, fault, verified).find((sums) => !isAvailable(sums, objectives));
    return low === undefined
      ? undefined
      : {
          reason: "AvailabilityTooLow",
          message: `${low.bad} of ${low.sent} probes were bad under the fault`,
        };
  },
  ({ record, periods: { fault, verified }, evidence: { timeline }, settings: { objectives } }) => {
    if (fault === undefined || verified === undefined || timeline?.recovered === undefined) return undefined;
    const from = fault.from + timeline.recovered / record.slotMilliseconds;
    const since = [from, Math.max(from, verified.from)].map((first) => ({ from: first, to: fault.to }));
    const slow = sumsOf(record, ...since).find((sums) => !isFast(sums, objectives));
    return slow === undefined
      ? undefined
      : {
          reason: "TooSlow",
          message: `${slow.slow} of ${slow.sent} probes were slow under the fault, once they had recovered`,
        };
  },
];

/** Whether the fault was there for long enough for its absence of harm to tell anything. */
const persisted: Check = ({ record, periods: { verified }, settings }) => {
  const length = verified === undefined ? 0 : rangeMilliseconds(record, verified);
  // Slots at the edges may be lost.
  const needed = settings.faultMilliseconds * 0.9;
  return length < needed
    ? {
        reason: "FaultTooShort",
        message: `every witness met the fault for ${length} ms, expected ${needed} ms`,
      }
    : undefined;
};

const reverted: Check = ({ record, periods: { after }, settings }) =>
  after === undefined || after.to - after.from < slotsOf(record, settings.holdMilliseconds)
    ? {
        reason: "RevertNotSeen",
        message: "the target was not seen to answer again for long enough after the fault",
      }
    : undefined;

/** What is wrong with the way back. */
const failedBack: Check = ({
  record,
  periods: { back, after },
  evidence: { timeline },
  settings: { objectives },
}) => {
  const broken = sumsOf(record, back, after).find(
    (sums) => !(isAvailable(sums, objectives) && isFast(sums, objectives)),
  );
  if (broken !== undefined)
    return {
      reason: "FailbackBroken",
      message: `${broken.bad} of ${broken.sent} probes were bad after the fault, and ${broken.slow} were slow`,
    };
  return timeline?.failedBack === undefined
    ? { reason: "NotFailedBack", message: "the target did not take its traffic back after the fault" }
    : undefined;
};

/** The chain: the first finding is the verdict. */
const CHAIN: readonly { readonly outcome: "Failed" | "Inconclusive"; readonly check: Check }[] = [
  ...MISSING.map((check) => ({ outcome: "Inconclusive" as const, check })),
  { outcome: "Inconclusive", check: whole },
  // An outage of a fault that ended early was seen nevertheless; but that nothing recovered in so short a time is no finding.
  {
    outcome: "Inconclusive",
    check: (all) => (all.evidence.timeline?.recovered === undefined ? persisted(all) : undefined),
  },
  ...WRONG_UNDER_FAULT.map((check) => ({ outcome: "Failed" as const, check })),
  { outcome: "Inconclusive", check: persisted },
  { outcome: "Inconclusive", check: reverted },
  { outcome: "Failed", check: failedBack },
];

/** Judges a drill whose probes have ended. */
export function judgeDrill(
  record: ProbeRecord | undefined,
  settings: DrillSettings,
): { readonly verdict: DrillVerdict; readonly evidence?: DrillEvidence } {
  if (record === undefined)
    return {
      verdict: { outcome: "Inconclusive", reason: "NoProbes", message: "nothing is known of the probes" },
    };
  const periods = faultPeriods(record);
  const evidence = drillEvidence(record, settings, periods);
  for (const { outcome, check } of CHAIN) {
    const finding = check({ record, periods, evidence, settings });
    if (finding !== undefined) return { verdict: { outcome, ...finding }, evidence };
  }
  const { recovered = 0, resolutionMilliseconds = 0 } = evidence.timeline ?? {};
  return {
    verdict: {
      outcome: "Passed",
      reason: "WithinObjectives",
      message: `probes were within the objectives after ${recovered} ms, exact to ${resolutionMilliseconds} ms, while the fault was there`,
    },
    evidence,
  };
}
