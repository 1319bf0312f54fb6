/**
 * What is remembered, and told, of the replicas that autoscaling asks for. It changes with these replicas, and not with the
 * load.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";

/** What may say how many replicas there are. */
export const SCALING_CAUSES = [
  "Start",
  "Load",
  "Schedule",
  "Forecast",
  "Minimum",
  "Maximum",
  "NoData",
  "HandedBack",
  "Autoscaler",
] as const;

/** JSON Schema of the status of autoscaling. */
export const autoscalingStatusSchema = Type.Object(
  {
    replicas: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description: "Replicas of the first pool that are asked for, in place of `spec.replicas`.",
    }),
    since: Type.String({ format: "date-time", description: "Since when they are asked for." }),
    because: stringEnum(SCALING_CAUSES, {
      description:
        "What asked for them: the `Load`, a `Schedule`, a `Forecast`, the bounds `Minimum` and `Maximum`, that nothing is known of the load (`NoData`), what stood when autoscaling began (`Start`), or when it ended (`HandedBack`), or the `Autoscaler` of `owner: HPA` or `KEDA`, by `spec.replicas`.",
    }),
    inPlaceOf: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description:
        "`spec.replicas` as it was seen last. After autoscaling has ended another value there takes over.",
    }),
  },
  { description: "Replicas by autoscaling; absent where `spec.replicas` says how many there are." },
);

/** Replicas that autoscaling asks for. */
export type AutoscalingStatus = Type.Static<typeof autoscalingStatusSchema>;
