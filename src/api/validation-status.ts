/**
 * What the operator reports of the validation of the model revision that the spec asks for.
 *
 * It is the operator's memory: an outcome that stands here holds, whatever becomes of the Job that it came from.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";
import { MAXIMUM_VALIDATION_CHECKS, validationCheckSchema, validationCounts } from "./validation-report.ts";

const name = (description: string) => Type.String({ maxLength: 63, description });
const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });

/** JSON Schema of it. */
export const validationStatusSchema = Type.Object(
  {
    revision: name("The model revision that is judged."),
    baseline: Type.Optional(
      name("The model revision that it is compared with; absent where there was none to compare it with."),
    ),
    settings: Type.String({ maxLength: 16, description: "Hash of `spec.validation` as it was begun with." }),
    retry: Type.Optional(
      Type.String({
        maxLength: 64,
        description: "Value of the annotation `petrel.dev/retry` when it was begun.",
      }),
    ),
    job: name("Name of the Job. It is removed once the outcome is here, unless it failed."),
    startedAt: time("When it was begun."),
    endedAt: Type.Optional(time("When its outcome was seen.")),
    outcome: Type.Optional(
      stringEnum(["Passed", "Failed", "NotMeasured"], {
        description:
          "Absent while it goes on. `Passed`: the release may begin. `Failed`: a threshold was not passed. `NotMeasured`: there is no result, which lets nothing pass.",
      }),
    ),
    message: Type.Optional(Type.String({ maxLength: 1024, description: "Why, for people." })),
    rows: Type.Optional(validationCounts.rows),
    requests: Type.Optional(validationCounts.requests),
    units: Type.Optional(validationCounts.units),
    checks: Type.Optional(
      Type.Array(validationCheckSchema, {
        maxItems: MAXIMUM_VALIDATION_CHECKS,
        "x-kubernetes-list-type": "atomic",
        description: "The thresholds, each with what was found.",
      }),
    ),
  },
  { description: "The validation of the model revision that the spec asks for." },
);

/** What is reported of a validation. */
export type ValidationStatus = Type.Static<typeof validationStatusSchema>;
