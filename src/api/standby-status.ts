/**
 * What is told of the pools behind the first one. It changes by a step, and not with each replica of many.
 */
import Type from "typebox";

/** Coverage is told in steps of so many per cent. */
export const COVERAGE_STEP_PERCENT = 10;

/** JSON Schema of the status of the standby. */
export const standbyStatusSchema = Type.Object(
  {
    coverage: Type.Integer({
      minimum: 0,
      maximum: 100,
      description: `Share of the present traffic that the ready replicas behind the first pool could carry, in per cent, as if each carried as much as one of the first pool; rounded down to steps of ${COVERAGE_STEP_PERCENT}. The rest would be shed.`,
    }),
  },
  { description: "What stands behind the first pool; absent where there is one pool alone." },
);

/** What stands behind the first pool. */
export type StandbyStatus = Type.Static<typeof standbyStatusSchema>;
