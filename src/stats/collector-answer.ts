/**
 * Reads what a collector says of one range of time: `docs/feedback.md` has it in words.
 *
 * A gate may promote by it, so nothing is mended: an answer about something else, with a part missing or no number where
 * one belongs, is refused as a whole, with the place. Members that are not known are passed over: a collector may be newer
 * than who reads. Pure.
 */
import { asList, asRecord, parseJson } from "../api/json.ts";
import { type EvidenceCell, EvidenceError, parseCell } from "./evidence.ts";

/** Slots from `first` to `last`, minutes since 1970, both included. */
export interface AnsweredRange {
  readonly first: number;
  readonly last: number;
}

/** How the collector counts a metric. */
export interface CountedMetric {
  readonly type: string;
  readonly label: string;
  readonly maturesSeconds: number;
  /** A request adds 0 or 1. */
  readonly zeroOrOne: boolean;
  /** Its sums are being made: not to be used yet. */
  readonly rebuilding: boolean;
  /** Earlier slots are not covered by its sums. */
  readonly firstSlot: number;
}

/** How many answers were found in the arm of their user. */
export interface ArmChecks {
  /** Answers of which is told whether their arm was computed again. */
  readonly told: number;
  readonly checked: number;
  /** In another arm. */
  readonly wrong: number;
}

/** Numbers that an answer may have been asked for, beside the answers themselves. */
export type AnswerPart = "arrived" | "matured" | "checks";

/** One arm of one epoch, or of several that were asked for as one. */
export interface AnsweredArm {
  /** The first one. */
  readonly epoch: number;
  readonly lastEpoch: number;
  /** 0 is stable, 1 the candidate. */
  readonly arm: number;
  /** The first slot with answers. */
  readonly firstSlot: number;
  /** Answers that were delivered. */
  readonly requests: number;
  /** Absent where it was not asked for, or the collector is of a version that knows nothing of it. */
  readonly armChecks?: ArmChecks;
  /** Users that were seen for the first time in an epoch. Absent likewise. */
  readonly newUsers?: readonly { readonly epoch: number; readonly users: number }[];
  /** By name of the metric, those sums that were asked for. All share the answers that they are over. */
  readonly metrics: ReadonlyMap<string, Readonly<Partial<Record<"arrived" | "matured", EvidenceCell>>>>;
}

/** A whole answer. */
export interface CollectorAnswer {
  /** The last slot of which all answers are known; undefined when no router has told of any. */
  readonly countedThrough: number | undefined;
  readonly range: AnsweredRange;
  /** Slots of the range that are left out of all arms. */
  readonly voidedSlots: number;
  /** Those that were asked for, as far as the collector has them. */
  readonly metrics: ReadonlyMap<string, CountedMetric>;
  readonly arms: readonly AnsweredArm[];
}

/** Most arms of all epochs: more is no answer about one release. */
const MAXIMUM_ARMS = 4_096;
/** Epochs in which one arm can have had new users: four a minute for 45 days are more than there can be. */
const MAXIMUM_EPOCHS = 65_536;

/**
 * Reads an answer.
 *
 * @param metrics names of the metrics that are wanted; others are passed over.
 * @param where it came from, for the message; without a secret.
 * @param parts numbers that were asked for; each of them must be there.
 * @throws {EvidenceError} for anything but a whole answer about this deployment.
 */
export function parseCollectorAnswer(
  text: string,
  deployment: string,
  metrics: readonly string[],
  where: string,
  parts: readonly AnswerPart[] = ["arrived", "matured", "checks"],
): CollectorAnswer {
  const answer = asRecord(parseJson(text));
  if (answer === undefined) throw wrong(where, "a whole answer in JSON", `${text.length} characters`);
  if (answer["deployment"] !== deployment)
    throw wrong(`${where}: deployment`, JSON.stringify(deployment), answer["deployment"]);
  // With others beside it, this would be a part of the users.
  const partitions = asRecord(answer["partition"])?.["count"];
  if (partitions !== 1) throw wrong(`${where}: partition.count`, "1", partitions);
  const { countedThrough, arms } = answer;
  if (!Array.isArray(arms) || arms.length > MAXIMUM_ARMS) {
    throw wrong(`${where}: arms`, `a list of at most ${MAXIMUM_ARMS}`, arms);
  }
  const states = asRecord(answer["metrics"]);
  if (states === undefined) throw wrong(`${where}: metrics`, "an object", answer["metrics"]);
  const counted = metrics.flatMap((name): [string, CountedMetric][] =>
    Object.hasOwn(states, name) ? [[name, metricOf(states[name], `${where}: metrics.${name}`)]] : [],
  );
  const names = counted.map(([name]) => name);
  const range = rangeOf(answer["range"], `${where}: range`);
  return {
    countedThrough: countedThrough === null ? undefined : whole(countedThrough, `${where}: countedThrough`),
    range,
    voidedSlots: voidedSlots(answer["voided"], range, `${where}: voided`),
    metrics: new Map(counted),
    arms: alike(
      distinct(
        arms.map((arm, at) => armOf(arm, names, parts, `${where}: arms[${at}]`)),
        where,
      ),
      where,
    ),
  };
}

/** How many slots are left out. The ranges lie within that of the answer, one after the other. */
function voidedSlots(value: unknown, { first, last }: AnsweredRange, where: string): number {
  if (!Array.isArray(value)) throw wrong(where, "a list", value);
  let [next, slots] = [first, 0];
  for (const [at, entry] of value.entries()) {
    const range = rangeOf(entry, `${where}[${at}]`);
    if (range.first < next || range.last < range.first || range.last > last) {
      const found = `${range.first} to ${range.last}`;
      throw wrong(`${where}[${at}]`, `slots from ${next} to ${last}, in order`, found);
    }
    slots += range.last - range.first + 1;
    next = range.last + 1;
  }
  return slots;
}

function metricOf(value: unknown, where: string): CountedMetric {
  const { type, label, maturesSeconds, zeroOrOne, rebuilding, firstSlot } = asRecord(value) ?? {};
  if (typeof type !== "string" || typeof label !== "string") {
    throw wrong(where, "a type and a label", type);
  }
  if (typeof zeroOrOne !== "boolean" || typeof rebuilding !== "boolean") {
    throw wrong(where, "zeroOrOne and rebuilding to be true or false", zeroOrOne);
  }
  if (!(typeof maturesSeconds === "number" && maturesSeconds > 0)) {
    throw wrong(`${where}.maturesSeconds`, "a number above 0", maturesSeconds);
  }
  return {
    type,
    label,
    maturesSeconds,
    zeroOrOne,
    rebuilding,
    firstSlot: whole(firstSlot, `${where}.firstSlot`),
  };
}

function armOf(
  value: unknown,
  names: readonly string[],
  parts: readonly AnswerPart[],
  where: string,
): AnsweredArm {
  const entry = asRecord(value) ?? {};
  const { n, armChecks } = entry;
  const metrics = asRecord(entry["metrics"]);
  const { answers } = parseCell({ answers: n, sums: n }, where);
  // Each sum stands beside the answers that it is over.
  const cellOf = (name: string, kind: "arrived" | "matured"): EvidenceCell => {
    const said = { answers: n, sums: asRecord(metrics?.[name])?.[kind] };
    return { answers, sums: parseCell(said, `${where}, ${kind} of metric ${name}`).sums };
  };
  const kinds = (["arrived", "matured"] as const).filter((kind) => parts.includes(kind));
  const epoch = whole(entry["epoch"], `${where}.epoch`);
  const lastEpoch =
    entry["lastEpoch"] === undefined ? epoch : whole(entry["lastEpoch"], `${where}.lastEpoch`);
  const hasChecks = parts.includes("checks");
  const newUsers = hasChecks ? newUsersOf(entry, epoch, lastEpoch, where) : undefined;
  return {
    epoch,
    lastEpoch,
    arm: count(entry["arm"], `${where}.arm`),
    firstSlot: count(entry["firstSlot"], `${where}.firstSlot`),
    requests: Array.from(answers).reduce((sum, count) => sum + count, 0),
    ...(armChecks === undefined || !hasChecks
      ? {}
      : { armChecks: armChecksOf(armChecks, `${where}.armChecks`) }),
    ...(newUsers === undefined ? {} : { newUsers }),
    metrics: new Map(
      names.map((name) => [name, Object.fromEntries(kinds.map((kind) => [kind, cellOf(name, kind)]))]),
    ),
  };
}

/** A user counts once in each epoch, so of several epochs these must be told apart. */
function newUsersOf(
  { newUsers, newUsersByEpoch }: Readonly<Record<string, unknown>>,
  epoch: number,
  lastEpoch: number,
  where: string,
): AnsweredArm["newUsers"] {
  if (newUsers === undefined) return undefined;
  if (newUsersByEpoch === undefined && epoch === lastEpoch) {
    return [{ epoch, users: count(newUsers, `${where}.newUsers`) }];
  }
  const place = `${where}.newUsersByEpoch`;
  if (!Array.isArray(newUsersByEpoch) || newUsersByEpoch.length > MAXIMUM_EPOCHS) {
    throw wrong(place, `a list of at most ${MAXIMUM_EPOCHS}`, newUsersByEpoch);
  }
  const counted = newUsersByEpoch.map((one: unknown, at) => {
    const [of, users] = asList(one);
    return { epoch: whole(of, `${place}[${at}]`), users: count(users, `${place}[${at}]`) };
  });
  counted.forEach(({ epoch: of }, at) => {
    const before = counted[at - 1]?.epoch ?? epoch - 1;
    if (of <= before || of > lastEpoch) throw wrong(`${place}[${at}]`, "epochs of the arm in order", of);
  });
  return counted;
}

function armChecksOf(value: unknown, where: string): ArmChecks {
  const { told, checked, wrong } = asRecord(value) ?? {};
  return {
    told: count(told, `${where}.told`),
    checked: count(checked, `${where}.checked`),
    wrong: count(wrong, `${where}.wrong`),
  };
}

/** An arm that comes twice would count twice. */
function distinct(arms: readonly AnsweredArm[], where: string): readonly AnsweredArm[] {
  const names = new Set(arms.map(({ epoch, arm }) => `${epoch}/${arm}`));
  if (names.size === arms.length) return arms;
  throw new EvidenceError(`${where}: expected each arm of an epoch once, got one twice`);
}

/** A collector tells of every arm what it counts at all: one without it would be one in which nobody was. */
function alike(arms: readonly AnsweredArm[], where: string): readonly AnsweredArm[] {
  for (const member of ["armChecks", "newUsers"] as const) {
    const missing = arms.findIndex((arm) => arm[member] === undefined);
    if (missing >= 0 && arms.some((arm) => arm[member] !== undefined)) {
      throw wrong(`${where}: arms[${missing}].${member}`, "what other arms have", undefined);
    }
  }
  return arms;
}

function rangeOf(value: unknown, where: string): AnsweredRange {
  const { first, last } = asRecord(value) ?? {};
  return { first: whole(first, `${where}.first`), last: whole(last, `${where}.last`) };
}

function whole(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= -1) return value;
  throw wrong(where, "a whole number", value);
}

function count(value: unknown, where: string): number {
  if (value !== -1) return whole(value, where);
  throw wrong(where, "a whole number that is not negative", value);
}

function wrong(place: string, expected: string, value: unknown): EvidenceError {
  const shown =
    typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? String(value).slice(0, 60)
      : Array.isArray(value)
        ? "a list"
        : typeof value;
  return new EvidenceError(`${place}: expected ${expected}, got ${shown}`);
}
