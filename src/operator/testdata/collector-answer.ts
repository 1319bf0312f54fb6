/**
 * What a collector says of one range of time, as `docs/feedback.md` has it, and when that is.
 */
import { USER_GROUPS } from "../../stats/evidence.ts";
import { slotOf } from "../../token/slot.ts";

/** When it is asked, in milliseconds. */
export const NOW = Date.UTC(2026, 5, 1, 12);
/** The minute of that. */
export const SLOT = slotOf(NOW / 1_000);
/** The same number in each group of users. */
const numbers = (each: number) => Array<number>(USER_GROUPS).fill(each);

/** Each arm has one answer a minute in each group, up to two minutes ago. */
export function answer(from: number, to = SLOT - 2, changes: object = {}): object {
  const counted = {
    type: "ClickThroughRate",
    label: "click",
    zeroOrOne: true,
    rebuilding: false,
    firstSlot: 0,
  };
  const minutes = to - from + 1;
  const arm = {
    epoch: 7,
    firstSlot: Math.max(from, SLOT - 120),
    n: numbers(minutes),
    armChecks: { told: minutes, checked: minutes - 1, wrong: 1 },
    newUsers: minutes,
    metrics: Object.fromEntries(
      ["ctr", "sold"].map((name) => [name, { arrived: numbers(minutes), matured: numbers(0) }]),
    ),
  };
  return {
    deployment: "ranker",
    partition: { index: 0, count: 1 },
    countedThrough: SLOT - 2,
    range: { first: from, last: to },
    voided: [],
    metrics: {
      ctr: { ...counted, maturesSeconds: 1_800 },
      sold: { ...counted, type: "ConversionRate", label: "order", maturesSeconds: 36_000 },
    },
    arms: [
      { ...arm, arm: 0 },
      { ...arm, arm: 1 },
      { ...arm, arm: 2 },
    ],
    ...changes,
  };
}
