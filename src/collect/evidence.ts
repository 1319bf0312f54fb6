/**
 * What the gates read: for each epoch and arm of a deployment the impressions n and the metrics' sums y by group of
 * users, over a range of slots, without the slots that are in doubt.
 */
import { SUM, TOTALS } from "./cell-changes.ts";
import { type CollectedDeployment, type CollectedMetric, sumsOfMetric } from "./collected-metrics.ts";
import { addVector, type GroupVector, newVector } from "./group-vector.ts";
import { mergedRanges, type SlotRange } from "./router-log.ts";
import { type ArmSums, armName, type SlotSums, vectorIn } from "./slot-sums.ts";

/** Slots that one answer may span: 45 days. */
export const MAXIMUM_RANGE = 65_536;

/** One metric of one arm; what was not asked for is absent, here and below. */
export interface ArmMetric {
  /** Sum over all labels that have come. */
  readonly arrived?: readonly number[];
  /** Sum over the labels that came within the label's maturity. */
  readonly matured?: readonly number[];
  /** Requests that add 0 because it is not known where their rows with the label stood; with `arrived`. */
  readonly unordered?: number;
}

/** One arm of one epoch, or of a range of epochs. */
export interface ArmEvidence {
  /** The first one of the range. */
  readonly epoch: number;
  /** Where ranges were asked for. */
  readonly lastEpoch?: number;
  readonly arm: number;
  readonly firstSlot: number;
  readonly lastSlot: number;
  /** Impressions of each group. */
  readonly n: readonly number[];
  /** Impressions of which is told whether their arm was computed again, those whose arm was, and those in a wrong one. */
  readonly armChecks?: { readonly told: number; readonly checked: number; readonly wrong: number };
  /** Users, and requests without one, that were seen for the first time in their epoch; once keys are everywhere. */
  readonly newUsers?: number;
  /** The same by epoch, where ranges were asked for: a user counts once in each. */
  readonly newUsersByEpoch?: readonly (readonly [epoch: number, newUsers: number])[];
  /** By name of the metric. */
  readonly metrics: Readonly<Record<string, ArmMetric>>;
}

/** The evidence of one range of slots. */
export interface Evidence {
  readonly range: SlotRange;
  /** Slots of the range that are left out. */
  readonly voided: readonly SlotRange[];
  /** How each metric is to be read. */
  readonly metrics: Readonly<Record<string, MetricState>>;
  readonly arms: readonly ArmEvidence[];
}

/** What a reader has to know of a metric. */
export interface MetricState {
  readonly type: string;
  readonly label: string;
  readonly maturesSeconds: number;
  /** A request adds 0 or 1. */
  readonly zeroOrOne: boolean;
  /** Its sums are being made from the requests that are kept: not to be used yet. */
  readonly rebuilding: boolean;
  /** Earlier slots are not covered by its sums. */
  readonly firstSlot: number;
}

/** Epochs from `first` to `last`, both included. */
export interface EpochRange {
  readonly first: number;
  readonly last: number;
}

/** Numbers that may be asked for; the impressions are always there. */
export const EVIDENCE_PARTS = ["impressions", "arrived", "matured", "checks"] as const;

/** One of them. */
export type EvidencePart = (typeof EVIDENCE_PARTS)[number];

/** What is to be read. */
export interface EvidenceQuestion {
  readonly deployment: CollectedDeployment;
  readonly range: SlotRange;
  /** Of these epochs alone, those of one range added up; without any, of each epoch by itself. */
  readonly epochs: readonly EpochRange[];
  readonly parts: ReadonlySet<EvidencePart>;
}

/** Evidence that is read a few slots at a time. */
export class EvidenceSums {
  readonly #question: EvidenceQuestion;
  readonly #sums: ReadonlySet<number>;
  readonly #arms = new Map<string, RangeSums>();
  readonly #voided: SlotRange[] = [];

  constructor(question: EvidenceQuestion) {
    this.#question = question;
    this.#sums = sumsOf(question);
  }

  /** Numbers of the sums that are to be read. */
  get wanted(): ReadonlySet<number> {
    return this.#sums;
  }

  /** Adds some slots, and says which ones were in doubt among them and beside them. */
  add({ arms, impossible }: SlotSums, doubtful: readonly SlotRange[]): void {
    this.#voided.push(...doubtful, ...[...impossible].map((slot) => ({ first: slot, last: slot })));
    for (const sums of arms.values()) {
      const epochs = this.#epochsOf(sums.epoch);
      if (epochs !== undefined) addArm(this.#arms, sums, epochs, this.#sums);
    }
  }

  /** All that was added. */
  evidence(): Evidence {
    const { deployment, range } = this.#question;
    return {
      range,
      voided: mergedRanges(this.#voided),
      metrics: Object.fromEntries(
        deployment.metrics.map((metric) => [metric.definition.name, stateOf(metric)]),
      ),
      arms: [...this.#arms.values()]
        .toSorted((a, b) => a.epochs.first - b.epochs.first || a.arm - b.arm)
        .map((sums) => armEvidence(sums, this.#question)),
    };
  }

  #epochsOf(epoch: number): EpochRange | undefined {
    const { epochs } = this.#question;
    if (epochs.length === 0) return { first: epoch, last: epoch };
    return epochs.find(({ first, last }) => first <= epoch && epoch <= last);
  }
}

/** All sums of a deployment that may be asked for. */
export function allSumsOf({ sums }: CollectedDeployment): ReadonlySet<number> {
  return new Set([SUM.impressions, SUM.labelledRequests, ...TOTALS, ...sums.map(({ stored }) => stored.id)]);
}

/** Those that are asked for, and those by which a slot is known to be in doubt. */
function sumsOf({ deployment, parts }: EvidenceQuestion): ReadonlySet<number> {
  return new Set([
    SUM.impressions,
    SUM.labelledRequests,
    ...(parts.has("checks") ? TOTALS : []),
    ...deployment.metrics.flatMap(({ arrived, matured, unordered }) => [
      ...(parts.has("arrived") ? [arrived.stored.id] : []),
      ...(parts.has("arrived") && unordered !== undefined ? [unordered.stored.id] : []),
      ...(parts.has("matured") ? [matured.stored.id] : []),
    ]),
  ]);
}

/** Sums of one arm in a range of epochs. */
interface RangeSums {
  readonly epochs: EpochRange;
  readonly arm: number;
  firstSlot: number;
  lastSlot: number;
  readonly vectors: Map<number, GroupVector>;
  readonly totals: Map<number, number>;
  /** By epoch. */
  readonly newUsers: Map<number, number>;
}

function addArm(
  ranges: Map<string, RangeSums>,
  { epoch, arm, firstSlot, lastSlot, vectors, totals }: ArmSums,
  epochs: EpochRange,
  wanted: ReadonlySet<number>,
): void {
  const name = armName(epochs.first, arm);
  const sums: RangeSums = ranges.get(name) ?? {
    ...{ epochs, arm, firstSlot, lastSlot },
    ...{ vectors: new Map(), totals: new Map(), newUsers: new Map() },
  };
  ranges.set(name, sums);
  sums.firstSlot = Math.min(sums.firstSlot, firstSlot);
  sums.lastSlot = Math.max(sums.lastSlot, lastSlot);
  for (const [sum, numbers] of vectors) {
    if (wanted.has(sum)) addVector(vectorIn(sums.vectors, sum), numbers);
  }
  for (const [sum, total] of totals) sums.totals.set(sum, (sums.totals.get(sum) ?? 0) + total);
  const newUsers = totals.get(SUM.newUsers) ?? 0;
  if (newUsers > 0) sums.newUsers.set(epoch, (sums.newUsers.get(epoch) ?? 0) + newUsers);
}

function armEvidence(sums: RangeSums, { deployment, epochs, parts }: EvidenceQuestion): ArmEvidence {
  const numbers = (id: number) => [...(sums.vectors.get(id) ?? newVector())];
  const total = (id: number) => sums.totals.get(id) ?? 0;
  const checks = {
    armChecks: {
      told: total(SUM.toldArms),
      checked: total(SUM.checkedArms),
      wrong: total(SUM.wrongArms),
    },
    newUsers: total(SUM.newUsers),
    ...(epochs.length > 0 ? { newUsersByEpoch: [...sums.newUsers].toSorted(([a], [b]) => a - b) } : {}),
  };
  return {
    epoch: sums.epochs.first,
    ...(epochs.length > 0 ? { lastEpoch: sums.epochs.last } : {}),
    arm: sums.arm,
    firstSlot: sums.firstSlot,
    lastSlot: sums.lastSlot,
    n: numbers(SUM.impressions),
    ...(parts.has("checks") ? checks : {}),
    metrics: Object.fromEntries(
      deployment.metrics.map(({ definition, arrived, matured, unordered }) => [
        definition.name,
        {
          ...(parts.has("arrived") ? { arrived: numbers(arrived.stored.id) } : {}),
          ...(parts.has("arrived") && unordered !== undefined
            ? { unordered: totalOf(numbers(unordered.stored.id)) }
            : {}),
          ...(parts.has("matured") ? { matured: numbers(matured.stored.id) } : {}),
        },
      ]),
    ),
  };
}

function totalOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0);
}

function stateOf(metric: CollectedMetric): MetricState {
  const { definition, maturesSeconds, zeroOrOne } = metric;
  const sums = sumsOfMetric(metric).map(({ stored }) => stored);
  return {
    type: definition.type,
    label: definition.label,
    maturesSeconds,
    zeroOrOne,
    rebuilding: sums.some(({ rebuildFrom }) => rebuildFrom !== undefined),
    firstSlot: Math.max(...sums.map(({ firstSlot }) => firstSlot)),
  };
}
