/**
 * What a traffic plan says of a drill: routes of its own for the probes of the drill, and the fault on them.
 *
 * Nobody's requests but those with the key take part. A fault says itself when it ends: a router ends it by its own clock,
 * whatever became of who asked for it.
 */
import Type from "typebox";
import { dnsLabelSchema, durationSchema } from "./schema.ts";

/** Longest time for which a router lets a fault be. */
export const MAXIMUM_FAULT_MILLISECONDS = 3_600_000;

const plannedFaultSchema = Type.Object(
  {
    status: Type.Optional(
      Type.Integer({
        minimum: 400,
        maximum: 599,
        description: "Every try is answered with this status; over gRPC with UNAVAILABLE.",
      }),
    ),
    delay: Type.Optional(durationSchema({ description: "Every try waits so long." })),
    until: Type.String({
      maxLength: 32,
      format: "date-time",
      description: "Routers end the fault at this time by their own clocks.",
    }),
    longest: durationSchema({
      description: "And so long after they have first seen it, whatever their clocks show.",
    }),
  },
  { description: "What becomes of the tries of the target; `status` or `delay`." },
);

/** JSON Schema of a drill in a traffic plan. */
export const plannedDrillSchema = Type.Object(
  {
    name: dnsLabelSchema(63, "Name of the drill."),
    pool: dnsLabelSchema(40, "The target: the first pool of the only arm."),
    key: Type.String({
      minLength: 16,
      maxLength: 64,
      pattern: "^[a-z0-9]+$",
      description: "Names the requests that take part, in their header `x-petrel-drill`.",
    }),
    fault: Type.Optional(plannedFaultSchema),
  },
  { description: "A drill: routes for its probes, and the fault on them." },
);

/** A drill in a traffic plan. */
export type PlannedDrill = Type.Static<typeof plannedDrillSchema>;
/** The fault of a {@link PlannedDrill}. */
export type PlannedFault = Type.Static<typeof plannedFaultSchema>;
