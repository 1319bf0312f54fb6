/**
 * The contract by which any HTTP endpoint gives a gate its evidence: the question as it is posted, and the reading of the
 * answer. `docs/evidence.md` has it in words.
 *
 * Every member is required and none is unknown: what is misspelt must not be taken for absent. The answer repeats what
 * was asked, so that an endpoint that answers something else is found out. No gate asks for it yet.
 */
import { parseZonedTime } from "../api/zoned-time.ts";
import { EvidenceError, parseCell } from "./evidence.ts";
import {
  type EvidenceQuestion,
  type Freshness,
  type OutsideCell,
  type OutsideEvidence,
  requireQuestion,
  timeText,
  wholeEvidence,
} from "./outside-evidence.ts";

/** The version of the contract, first member of question and answer. */
export const EVIDENCE_CONTRACT = "petrel.dev/evidence/v1";

/** Members that an answer repeats as they were asked. */
const REPEATED = [
  "namespace",
  "deployment",
  "metric",
  "values",
  "better",
  "candidate",
  "stable",
  "maturesSeconds",
] as const;
const EPOCH_MEMBERS = ["epoch", "candidate", "stable"] as const;
const ARM_MEMBERS = ["arrived", "matured"] as const;

type Members = Readonly<Record<string, unknown>>;

/**
 * The body of the question.
 *
 * @throws {RangeError} for one that cannot be asked.
 */
export function questionText(question: EvidenceQuestion): string {
  requireQuestion(question);
  return JSON.stringify({
    version: EVIDENCE_CONTRACT,
    ...repeatedMembers(question),
    epochs: question.epochs.map(({ epoch, fromMilliseconds, toMilliseconds }) => ({
      epoch,
      from: timeText(fromMilliseconds),
      to: toMilliseconds === undefined ? null : timeText(toMilliseconds),
    })),
  });
}

/**
 * Reads an answer.
 *
 * @param where it came from, for the message; without a secret.
 * @throws {EvidenceError} for anything but a whole, fresh answer to this question.
 */
export function parseContractAnswer(
  text: string,
  question: EvidenceQuestion,
  freshness: Freshness,
  where: string,
): OutsideEvidence {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvidenceError(
      `${where}: expected a whole answer in JSON, got ${text.length} characters of something else`,
    );
  }
  const answer = members(value, where, ["version", ...REPEATED, "asOf", "epochs"]);
  if (answer["version"] !== EVIDENCE_CONTRACT)
    throw wrong(`${where}: version`, EVIDENCE_CONTRACT, answer["version"]);
  for (const [member, asked] of Object.entries(repeatedMembers(question))) {
    if (answer[member] !== asked)
      throw wrong(`${where}: ${member}`, `${JSON.stringify(asked)} as asked`, answer[member]);
  }
  const { asOf, epochs } = answer;
  const asOfMilliseconds = parseZonedTime(asOf);
  if (asOfMilliseconds === undefined)
    throw wrong(`${where}: asOf`, "a time such as 2026-05-04T12:00:00Z", asOf);
  if (!Array.isArray(epochs)) throw wrong(`${where}: epochs`, "a list", epochs);
  if (epochs.length !== question.epochs.length) {
    throw wrong(
      `${where}: epochs`,
      `the ${question.epochs.length} that were asked about`,
      `${epochs.length} of them`,
    );
  }
  const cells: { readonly arrived: OutsideCell[]; readonly matured: OutsideCell[] } = {
    arrived: [],
    matured: [],
  };
  for (const [at, one] of epochs.entries()) {
    const place = `${where}: epochs[${at}]`;
    const entry = members(one, place, EPOCH_MEMBERS);
    const { epoch } = entry;
    if (typeof epoch !== "number") throw wrong(`${place}.epoch`, "a number", epoch);
    for (const arm of ["candidate", "stable"] as const) {
      const sides = members(entry[arm], `${place}.${arm}`, ARM_MEMBERS);
      for (const side of ARM_MEMBERS) {
        members(sides[side], `${place}.${arm}.${side}`, ["answers", "sums"]);
        const cell = parseCell(sides[side], `${place}.${arm}.${side}`);
        cells[side].push({ epoch, arm: arm === "candidate" ? "Candidate" : "Stable", ...cell });
      }
    }
  }
  return wholeEvidence({ ...cells, asOfMilliseconds }, question, freshness, where);
}

function repeatedMembers(
  question: EvidenceQuestion,
): Readonly<Record<(typeof REPEATED)[number], string | number>> {
  const { namespace, deployment, metric, values, better, candidate, stable, maturesMilliseconds } = question;
  const maturesSeconds = maturesMilliseconds / 1_000;
  return { namespace, deployment, metric, values, better, candidate, stable, maturesSeconds };
}

/** All of the members, and no other. */
function members(value: unknown, place: string, known: readonly string[]): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(place, "an object", value);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(place, `only ${known.join(", ")}`, unknown);
  const missing = known.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw wrong(place, `a member ${missing}`, undefined);
  return { ...value };
}

function wrong(place: string, expected: string, value: unknown): EvidenceError {
  return new EvidenceError(`${place}: expected ${expected}, got ${shown(value)}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60));
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return value === undefined ? "nothing" : String(value);
}
