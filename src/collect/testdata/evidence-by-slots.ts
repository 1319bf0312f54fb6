/**
 * Evidence as it is defined: slot by slot from all cells of the file, by arithmetic that keeps nothing. What the collector
 * answers, whatever it has kept in memory, must be this to the last digit.
 */
import { GROUPS } from "../../token/tags.ts";
import { SUM } from "../cell-changes.ts";
import type { ArmEvidence, Evidence, EvidenceQuestion } from "../evidence.ts";
import { addEncoded, newVector } from "../group-vector.ts";
import { mergedRanges, rangesWithin, type SlotRange } from "../router-log.ts";
import type { Store } from "../store.ts";

const ALL_SUMS: ReadonlySet<number> = new Set(Array.from({ length: 100 }, (_, sum) => sum));

type Numbers = Float64Array;

interface SlotArm {
  readonly slot: number;
  readonly epoch: number;
  readonly arm: number;
  readonly numbers: (sum: number) => Numbers;
}

/** What must be answered. `counted` is the last slot in which all impressions are known. */
export function evidenceBySlots(
  store: Store,
  question: EvidenceQuestion,
  doubtful: readonly SlotRange[],
  counted: number,
): Pick<Evidence, "voided" | "arms"> {
  const { range } = question;
  const all = armsOfSlots(store, question);
  const impossible = all
    .filter(({ slot, numbers }) => {
      const impressions = numbers(SUM.impressions);
      return (
        slot <= counted && numbers(SUM.labelledRequests).some((n, group) => n > (impressions[group] ?? 0))
      );
    })
    .map(({ slot }): SlotRange => ({ first: slot, last: slot }));
  const doubts = rangesWithin(doubtful, range);
  const isDoubtful = (slot: number) => doubts.some(({ first, last }) => first <= slot && slot <= last);
  const voided = [...doubts, ...impossible.filter(({ first }) => !isDoubtful(first))];
  const isVoided = (slot: number) => voided.some(({ first, last }) => first <= slot && slot <= last);
  const counts = all.filter(
    ({ slot, numbers }) => !isVoided(slot) && numbers(SUM.impressions).some((n) => n > 0),
  );
  const epochs =
    question.epochs.length > 0
      ? question.epochs
      : [...new Set(counts.map(({ epoch }) => epoch))].map((epoch) => ({ first: epoch, last: epoch }));
  const arms = epochs
    .toSorted((a, b) => a.first - b.first)
    .flatMap(({ first, last }) =>
      [...new Set(counts.map(({ arm }) => arm))]
        .toSorted((a, b) => a - b)
        .flatMap((arm) => {
          const of = counts.filter((one) => one.arm === arm && first <= one.epoch && one.epoch <= last);
          return of.length === 0 ? [] : [armOf(of, question, { first, last })];
        }),
    );
  return { voided: mergedRanges(voided), arms };
}

function armsOfSlots(store: Store, { deployment, range }: EvidenceQuestion): readonly SlotArm[] {
  const arms = new Map<string, { slot: number; epoch: number; arm: number; sums: Map<number, Numbers> }>();
  for (const { slot, epoch, arm, sum, vector } of store.cells(
    deployment.tag,
    range.first,
    range.last,
    ALL_SUMS,
  )) {
    const name = `${slot}/${epoch}/${arm}`;
    const one = arms.get(name) ?? { slot, epoch, arm, sums: new Map<number, Numbers>() };
    arms.set(name, one);
    const numbers = newVector();
    addEncoded(numbers, vector);
    one.sums.set(sum, numbers);
  }
  return [...arms.values()].map(({ slot, epoch, arm, sums }) => {
    return { slot, epoch, arm, numbers: (sum) => sums.get(sum) ?? newVector() };
  });
}

function armOf(
  slots: readonly SlotArm[],
  { deployment, epochs, parts }: EvidenceQuestion,
  { first, last }: SlotRange,
): ArmEvidence {
  // Of groups with impressions in the slot.
  const byGroup = (sum: number) =>
    Array.from({ length: GROUPS }, (_, group) =>
      slots
        .filter(({ numbers }) => (numbers(SUM.impressions)[group] ?? 0) > 0)
        .reduce((added, { numbers }) => added + (numbers(sum)[group] ?? 0), 0),
    );
  const total = (sum: number, of = slots) =>
    of.reduce((added, { numbers }) => added + (numbers(sum)[0] ?? 0), 0);
  const newUsersByEpoch = [...new Set(slots.map(({ epoch }) => epoch))]
    .toSorted((a, b) => a - b)
    .map((epoch): [number, number] => [
      epoch,
      total(
        SUM.newUsers,
        slots.filter((one) => one.epoch === epoch),
      ),
    ])
    .filter(([, users]) => users > 0);
  const hasRanges = epochs.length > 0;
  return {
    epoch: first,
    ...(hasRanges ? { lastEpoch: last } : {}),
    arm: slots[0]?.arm ?? -1,
    firstSlot: Math.min(...slots.map(({ slot }) => slot)),
    lastSlot: Math.max(...slots.map(({ slot }) => slot)),
    n: byGroup(SUM.impressions),
    ...(parts.has("checks")
      ? {
          armChecks: {
            told: total(SUM.toldArms),
            checked: total(SUM.checkedArms),
            wrong: total(SUM.wrongArms),
          },
          newUsers: total(SUM.newUsers),
          ...(hasRanges ? { newUsersByEpoch } : {}),
        }
      : {}),
    metrics: Object.fromEntries(
      deployment.metrics.map(({ definition, arrived, matured, unordered }) => [
        definition.name,
        {
          ...(parts.has("arrived") ? { arrived: byGroup(arrived.stored.id) } : {}),
          ...(parts.has("arrived") && unordered !== undefined
            ? { unordered: byGroup(unordered.stored.id).reduce((sum, count) => sum + count, 0) }
            : {}),
          ...(parts.has("matured") ? { matured: byGroup(matured.stored.id) } : {}),
        },
      ]),
    ),
  };
}
