/**
 * What a prober tells of its probes: how many there were in each slot of time, and what became of them. A wire format between
 * the versions of the prober and of the operator.
 *
 * Counts alone, so that a record is bounded by its length and not by the traffic. A slot is told only once each of its probes
 * has ended, and a probe belongs to the slot in which it was due: a server that stalls moves nothing to a later slot.
 */
import Type from "typebox";

/** Most slots of one record: 20 minutes of slots of 100 ms. */
export const MAXIMUM_PROBE_SLOTS = 12_000;

const MAXIMUM_PER_SLOT = 100_000;

const counts = (description: string) =>
  Type.Array(Type.Integer({ minimum: 0, maximum: MAXIMUM_PER_SLOT }), {
    maxItems: MAXIMUM_PROBE_SLOTS,
    description,
  });

/** JSON Schema of a record. All lists have the same length: one number for each slot. */
export const probeRecordSchema = Type.Object({
  startMilliseconds: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "When the first slot began, by the prober's clock, in milliseconds since the Unix epoch.",
  }),
  slotMilliseconds: Type.Integer({ minimum: 1, maximum: 10_000, description: "Length of a slot." }),
  sent: counts("Probes that were due, whether or not they could be sent."),
  good: counts("Of these, answered well and in time. All others are bad."),
  slow: counts("Of the good ones, answered later than the objective allows."),
  moved: counts("Of the good ones, answered by another pool than the target of the drill."),
  late: counts("Probes that the prober itself sent too late: they tell nothing."),
  witnesses: counts("Requests to the target alone, which nothing can answer in its place."),
  met: counts("Of the witnesses, those that met the fault."),
  clear: counts("Of the witnesses, those that the target answered as if there were no fault."),
});

/** What became of the probes. */
export type ProbeRecord = Type.Static<typeof probeRecordSchema>;
