/**
 * Reads what a prober tells. A record that contradicts itself is none: a drill must never be judged by numbers that cannot be.
 */
import { Compile } from "typebox/compile";
import { type ProbeRecord, probeRecordSchema } from "../../api/probe-record.ts";

/** What came is no record of probes. The message says what was expected and what came. */
export class ProbeRecordError extends Error {
  override readonly name = "ProbeRecordError";
}

const schema = Compile(probeRecordSchema);

/** The lists of a record. */
const COLUMNS = ["sent", "good", "slow", "moved", "late", "witnesses", "met", "clear"] as const;

/** What cannot be more than what. */
const PARTS = [
  ["good", "sent"],
  ["slow", "good"],
  ["moved", "good"],
  ["late", "sent"],
  ["met", "witnesses"],
  ["clear", "witnesses"],
] as const;

/**
 * The value as a record.
 *
 * @throws {ProbeRecordError} when it is none.
 */
export function readProbeRecord(value: unknown): ProbeRecord {
  if (!schema.Check(value)) {
    const [first] = schema.Errors(value);
    const problem = `${first?.instancePath || "/"} ${first?.message ?? "does not match the schema"}`;
    throw new ProbeRecordError(`expected a record of probes: ${problem}`);
  }
  const { length } = value.sent;
  const short = COLUMNS.find((column) => value[column].length !== length);
  if (short !== undefined)
    throw new ProbeRecordError(`expected ${length} slots in ${short}, found ${value[short].length}`);
  for (const [part, whole] of PARTS) {
    const slot = value[part].findIndex((count, index) => count > (value[whole][index] ?? 0));
    if (slot >= 0)
      throw new ProbeRecordError(`expected no more ${part} than ${whole}, found more in slot ${slot}`);
  }
  const both = value.met.findIndex(
    (met, index) => met + (value.clear[index] ?? 0) > (value.witnesses[index] ?? 0),
  );
  if (both >= 0) throw new ProbeRecordError(`expected met or clear of a witness, found both in slot ${both}`);
  return value;
}
