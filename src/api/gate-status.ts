/**
 * What a gate says of itself in the status of a ModelRollout: the outcome, why, and the numbers side by side.
 *
 * Numbers are texts: the API has no floating-point numbers that all clients keep alike. What must never be taken back is
 * stored with it, so that an operator that starts anew knows it.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";

const time = (description: string) => Type.String({ format: "date-time", maxLength: 32, description });
const number = (description: string) => Type.String({ maxLength: 32, description });
const count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

const figureSchema = Type.Object(
  {
    name: Type.String({ maxLength: 63, description: "What was measured, such as `change` or `p99`." }),
    unit: Type.Optional(
      Type.String({ maxLength: 16, description: "Unit of the numbers; none for ratios and counts." }),
    ),
    estimate: Type.Optional(number("What it was for the candidate, or how far it was from stable's.")),
    lower: Type.Optional(number("It is no less than this, as far as is known.")),
    upper: Type.Optional(number("It is no more than this, as far as is known.")),
    threshold: Type.Optional(number("What it is compared with.")),
    stable: Type.Optional(number("The same of the stable revision, where it is compared with that.")),
    candidateCount: Type.Optional(count("Answers of the candidate that it rests on.")),
    stableCount: Type.Optional(count("Answers of the stable revision that it rests on.")),
    dispersion: Type.Optional(
      number("How many times more uncertain it is than with answers that are independent of each other."),
    ),
  },
  { description: "One measured quantity." },
);

const needSchema = Type.Object(
  {
    requests: Type.Optional(count("Requests that the gate needs in all, to both revisions together.")),
    duration: Type.Optional(
      Type.String({ maxLength: 32, description: "How long that still takes at the present traffic." }),
    ),
    exceedsDeadline: Type.Optional(
      Type.Boolean({ description: "That is longer than the gate has until its deadline." }),
    ),
  },
  { description: "What is still needed, as far as can be told. A plan, not a promise." },
);

/** Members that every gate has in a status. */
export const gateStatusSchema = Type.Object(
  {
    name: Type.String({ maxLength: 63, description: "Name of the gate." }),
    outcome: stringEnum(["Pass", "Wait", "Fail"], {
      description: "`Pass` lets the step end, `Wait` does not yet, `Fail` ends the rollout.",
    }),
    message: Type.String({ maxLength: 1024, description: "Why, for people." }),
    reason: Type.Optional(
      Type.String({ maxLength: 63, pattern: "^[A-Z][A-Za-z0-9]*$", description: "Why, in one word." }),
    ),
    latched: Type.Optional(
      Type.Boolean({ description: "The outcome holds for the rest of the release, whatever is seen later." }),
    ),
    deferred: Type.Optional(
      Type.Boolean({
        description: "Its labels take longer than a step: it holds no step, and is decided in the holdback.",
      }),
    ),
    lastTransitionTime: Type.Optional(time("When the outcome became what it is.")),
    noDataSince: Type.Optional(time("Since when there has been nothing to judge by.")),
    figures: Type.Optional(
      Type.Array(figureSchema, {
        maxItems: 8,
        "x-kubernetes-list-type": "atomic",
        description: "What it rests on.",
      }),
    ),
    needs: Type.Optional(needSchema),
  },
  { description: "What a gate says of the step in progress." },
);

/** What a gate says of itself. */
export type GateStatus = Type.Static<typeof gateStatusSchema>;
/** One measured quantity. */
export type GateFigure = Type.Static<typeof figureSchema>;
/** What a gate still needs. */
export type GateNeed = Type.Static<typeof needSchema>;
