/**
 * What a reader of evidence wants, in the query of a URL: `from`, `to`, `metric`, `epochs` and `part`. Everything is bounded,
 * and what cannot be is refused: an answer about something else would be taken for the one that was asked for.
 */
import { malformed, quoted } from "./collect-error.ts";
import type { EvidenceWish } from "./collector-answers.ts";
import { type EpochRange, EVIDENCE_PARTS, type EvidencePart } from "./evidence.ts";

/** As many as a release has shares, and some more. */
const MAXIMUM_EPOCH_RANGES = 128;

/**
 * Reads the query.
 *
 * @throws {CollectError}
 */
export function evidenceWish(query: URLSearchParams): EvidenceWish {
  const [from, to] = [slotOf(query, "from"), slotOf(query, "to")];
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    metrics: query.getAll("metric"),
    epochs: epochsOf(query.getAll("epochs")),
    parts: query.getAll("part").map(partOf),
  };
}

function slotOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw malformed(`expected "${name}" to be a slot, in minutes since 1970, got ${quoted(text)}`);
}

function epochsOf(texts: readonly string[]): readonly EpochRange[] {
  if (texts.length > MAXIMUM_EPOCH_RANGES) {
    throw malformed(`expected "epochs" at most ${MAXIMUM_EPOCH_RANGES} times, got it ${texts.length} times`);
  }
  const ranges = texts.map((text) => {
    const [, first = "", last = ""] = /^(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
    if (first !== "" && Number(first) <= Number(last)) return { first: Number(first), last: Number(last) };
    throw malformed(`expected "epochs" to be FIRST-LAST, such as 7-9, got ${quoted(text)}`);
  });
  const inOrder = ranges.toSorted((a, b) => a.first - b.first);
  // An epoch of two ranges would be counted in one of them alone.
  if (inOrder.some(({ first }, at) => first <= (inOrder[at - 1]?.last ?? -1))) {
    throw malformed('expected the ranges of "epochs" to be apart from each other');
  }
  return ranges;
}

function partOf(text: string): EvidencePart {
  const part = EVIDENCE_PARTS.find((known) => known === text);
  if (part !== undefined) return part;
  throw malformed(`expected "part" to be one of ${EVIDENCE_PARTS.join(", ")}, got ${quoted(text)}`);
}
