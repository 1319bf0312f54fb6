/**
 * What the operator reports of a drill: where it is, what was measured, and the verdict.
 *
 * It is the operator's memory as well: what routers are asked for follows from what stands here, so that an operator that starts
 * anew goes on with the same. Counts are of requests, times after the begin of the fault are in milliseconds.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";
import { MAX_POOLS_PER_ARM } from "./traffic-plan.ts";

/** The phases in their order. */
export const DRILL_PHASES = [
  /** Waits until everything is well. */
  "Preflight",
  /** Probes run, and nothing is wrong. */
  "Control",
  /** The fault is asked for, and not yet proven to be there. */
  "Injecting",
  /** It is there. */
  "Observing",
  /** It was taken back, and is not yet proven to be gone. */
  "Reverting",
  /** It is gone; the traffic finds its way back. */
  "Failback",
  /** Judged. The routes of the probes are taken away. */
  "Removing",
  /** Nothing of it is left. */
  "Ended",
] as const;

/** The same with what is before them: another drill of the ModelDeployment comes first, or there is no ModelDeployment. */
export const REPORTED_PHASES = ["Pending", ...DRILL_PHASES] as const;

/** How a drill may end. */
export const DRILL_OUTCOMES = ["Passed", "Failed", "Inconclusive", "Aborted"] as const;

const messageSchema = Type.String({ maxLength: 1024, description: "The same for people." });
const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });
const count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

const periodSchema = (description: string) =>
  Type.Object(
    {
      sent: count("Probes that were due."),
      bad: count("Of these, not answered well and in time."),
      slow: count("Of the good ones, answered later than `spec.probe.slowAfter`."),
      moved: count("Of the good ones, answered by another pool than the target."),
      late: count("Sent too late by the prober itself: they tell nothing."),
      witnesses: count("Requests that only the target can answer."),
      met: count("Of the witnesses, those that met the fault."),
      clear: count("Of the witnesses, those that were answered as if there were no fault."),
    },
    { description },
  );

const timelineSchema = Type.Object(
  {
    faultAtMilliseconds: count("When the fault began, by the prober's clock, in ms since 1970."),
    verified: Type.Optional(count("Every witness met the fault from here on.")),
    detected: Type.Optional(count("Another pool answered a probe.")),
    moved: Type.Optional(count("From here on other pools answered all that was answered well.")),
    recovered: Type.Optional(
      count("From here on probes were within the objectives, while the fault was there."),
    ),
    reverted: Type.Optional(count("Every witness was answered again from here on.")),
    failedBack: Type.Optional(count("From here on the target answered all probes again.")),
    resolutionMilliseconds: count("No time is more exact than this."),
  },
  { description: "Times in ms after the fault began. One that is missing was not seen." },
);

const evidenceSchema = Type.Object(
  {
    control: periodSchema("Before the fault."),
    fault: Type.Optional(periodSchema("While it was there.")),
    after: Type.Optional(periodSchema("After it.")),
    timeline: Type.Optional(timelineSchema),
  },
  { description: "What was measured." },
);

const verdictSchema = Type.Object(
  {
    outcome: stringEnum(DRILL_OUTCOMES, {
      description:
        "`Passed` only where the fault was proven to be there and all objectives were met. Counts once the phase is `Ended`.",
    }),
    reason: Type.String({ maxLength: 64, description: "One word for programs." }),
    message: messageSchema,
  },
  { description: "What came of it. It is for good." },
);

/** JSON Schema of the status. */
export const failoverDrillStatusSchema = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: "Generation of the spec that was seen." }),
    ),
    phase: Type.Optional(stringEnum(REPORTED_PHASES, { description: "Where it is." })),
    since: Type.Optional(time("Since when it is in this phase.")),
    faultUntil: Type.Optional(
      time("When routers end the fault by themselves; stored before any of them is asked for it."),
    ),
    reason: Type.Optional(Type.String({ maxLength: 64, description: "Why it is there, in one word." })),
    message: Type.Optional(messageSchema),
    revision: Type.Optional(
      Type.String({
        maxLength: 63,
        description: "Name of the ControllerRevision that served when it began.",
      }),
    ),
    pools: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ maxLength: 63, description: "Name of the pool." }),
            replicas: count("So many replicas of it were counted on."),
          },
          { description: "A pool of the chain." },
        ),
        {
          maxItems: MAX_POOLS_PER_ARM,
          "x-kubernetes-list-type": "atomic",
          description:
            "The chain of pools when it began, the target first. Fewer replicas than these are a loss, which ends it; more that are asked for while it runs are not.",
        },
      ),
    ),
    verdict: Type.Optional(verdictSchema),
    evidence: Type.Optional(evidenceSchema),
    history: Type.Optional(
      Type.Array(
        Type.Object(
          {
            phase: stringEnum(REPORTED_PHASES, { description: "The phase." }),
            at: time("When it began."),
          },
          { description: "A phase." },
        ),
        {
          maxItems: REPORTED_PHASES.length,
          "x-kubernetes-list-type": "atomic",
          description: "The phases that it went through.",
        },
      ),
    ),
  },
  { description: "Where the drill is, and what it found." },
);

/** The status. Every field is absent before the first look. */
export type FailoverDrillStatus = Type.Static<typeof failoverDrillStatusSchema>;
