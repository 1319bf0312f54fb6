/**
 * The spec of a ModelRollout: which release it is, as the operator wrote it for good, and what people decide about it.
 */
import Type from "typebox";
import { MAXIMUM_REASON_LENGTH } from "./reason.ts";
import { holdbackSchema, MAXIMUM_STEPS, rolloutStrategySchema } from "./rollout.ts";
import { gatedMetricSchema, gatesSchema, MAXIMUM_GATES } from "./rollout-gates.ts";
import { durationSchema, objectNameSchema, stringEnum } from "./schema.ts";

/**
 * Most entries of `status.history`: one for mirrored requests, one for each step, one for the holdback, one for all the
 * traffic.
 */
export const MAXIMUM_HISTORY = MAXIMUM_STEPS + 3;

const maturitiesSchema = Type.Array(
  Type.Object(
    {
      metric: gatedMetricSchema,
      matures: durationSchema({ description: "How long its label takes." }),
    },
    { description: "A metric that a gate judges by." },
  ),
  {
    maxItems: MAXIMUM_GATES,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["metric"],
    description:
      "How long labels took to mature by the spec that the release began with. No step ends before the labels of its answers have had this time, whatever the spec says by then. Written by the operator, for good.",
  },
);

/** JSON Schema of the spec. */
export const modelRolloutSpecSchema = Type.Object(
  {
    modelDeployment: objectNameSchema("Name of the ModelDeployment. Written by the operator, for good."),
    revision: objectNameSchema(
      "Name of the ControllerRevision that is released. Written by the operator, for good.",
    ),
    number: Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: "Releases of a ModelDeployment are counted from 1. Written by the operator, for good.",
    }),
    strategy: rolloutStrategySchema,
    gates: Type.Optional(gatesSchema),
    holdback: Type.Optional(holdbackSchema),
    maturities: Type.Optional(maturitiesSchema),
    paused: Type.Optional(
      Type.Boolean({
        description:
          "Written by people: the share of the new revision does not grow, and its holdback does not end, while this is true. It still falls when it must.",
      }),
    ),
    pausedFor: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          "Written by the operator together with `paused`: the anomaly because of which it had the release paused. A person who sets `paused` to false lets it go on.",
      }),
    ),
    approvedStep: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAXIMUM_HISTORY,
        description:
          "Written by people: steps with `pause` up to this number may end, once their `minDuration` has passed.",
      }),
    ),
    decision: Type.Optional(
      stringEnum(["Promote", "Abort"], {
        description:
          "Written by people. `Promote` gives the new revision all the traffic as soon as all its replicas are ready, without the rest of the steps and without a holdback. `Abort` takes all of it away: at once, or in the holdback as replicas of the old revision come. The first verdict holds.",
      }),
    ),
    reason: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_REASON_LENGTH,
        description: "Written by people: why, for others to read.",
      }),
    ),
  },
  { description: "Which release it is, and what people decide about it." },
);

/** What a release is, and what people decide about it. */
export type ModelRolloutSpec = Type.Static<typeof modelRolloutSpecSchema>;
