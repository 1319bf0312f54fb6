/**
 * What an evaluation in a Job tells the operator: one line of JSON in the container's termination message, which the
 * kubelet copies into the pod's status. A wire format between the versions of `petrel evaluate` and of the operator.
 *
 * Numbers are texts: the API has no floating-point numbers that all clients keep alike.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";

/** The kubelet cuts a termination message there. */
export const MAXIMUM_REPORT_BYTES = 4_096;
/** Most checks of one validation: what is told of so many fits into a message. */
export const MAXIMUM_VALIDATION_CHECKS = 16;
/** Longest name of a metric there. */
export const MAXIMUM_METRIC_NAME_LENGTH = 40;
/** Longest reason that a check gives. */
export const MAXIMUM_REASON_LENGTH = 64;

const number = (description: string) => Type.String({ maxLength: 24, description });
const count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

/** JSON Schema of what became of one check. */
export const validationCheckSchema = Type.Object(
  {
    metric: Type.String({ maxLength: MAXIMUM_METRIC_NAME_LENGTH, description: "Name of the metric." }),
    rule: stringEnum(["AtLeast", "AtMost", "NotWorse"], {
      description:
        "What was asked for: a value (`atLeast`, `atMost`), or that it has not become worse than stable's (`nonInferiorityMargin`), as a share of stable's.",
    }),
    verdict: stringEnum(["Passed", "Failed", "NotShown", "TooLittle"], {
      description:
        "`Passed`: the whole interval is on the good side of the threshold. `Failed`: it is on the wrong one. `NotShown`: it has both in it, and the set is too small to tell. `TooLittle`: there is no interval.",
    }),
    estimate: Type.Optional(number("The metric's value, or its change as a share of stable's.")),
    lower: Type.Optional(number("It is no less than this, as far as the set tells.")),
    upper: Type.Optional(number("It is no more than this, as far as the set tells.")),
    threshold: number("What it is compared with."),
    reason: Type.Optional(
      Type.String({ maxLength: MAXIMUM_REASON_LENGTH, description: "Why there is too little." }),
    ),
  },
  { description: "One threshold, and what was found." },
);

/** Members that tell how much was measured, for a report and for a status. */
export const validationCounts = {
  rows: count("Rows of the set."),
  requests: count("Requests that they were asked for with."),
  units: count("Users, or requests where the set tells none, that were taken for independent of each other."),
};

/** JSON Schema of what an evaluation found. */
export const validationReportSchema = Type.Object({
  passed: Type.Boolean(),
  ...validationCounts,
  checks: Type.Array(validationCheckSchema, { maxItems: MAXIMUM_VALIDATION_CHECKS }),
});

/** What became of one check. */
export type ValidationCheck = Type.Static<typeof validationCheckSchema>;
/** What an evaluation found. */
export type ValidationReport = Type.Static<typeof validationReportSchema>;
