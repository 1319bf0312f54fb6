/**
 * Whether what comes is like what came: windows of one revision in one arm, each compared with its reference once it is
 * old enough and has enough values.
 *
 * An alarm follows from a chance, never from a distance. The chance is shared by all columns, tests and arms that one
 * sidecar looks at, so that together they keep the rate that was asked for; tests of one column are alike, so the rate
 * is kept rather than used up.
 */
import { betaBinomialTail } from "../stats/beta-binomial.ts";
import { chancePerLook, type Drift, driftOf } from "../stats/drift.ts";
import { countValue, type DriftWindow, emptyWindow, ODD } from "../stats/drift-window.ts";
import type { ReferenceDistribution } from "../stats/reference-distribution.ts";
import { totalOf } from "../stats/total.ts";
import type { References } from "./references.ts";
import type { DriftSettings } from "./settings.ts";

/** The tests of each column. */
export const DRIFT_TESTS = ["PSI", "KS", "Missing", "OutOfReference"] as const;
/** One of {@link DRIFT_TESTS}. */
export type DriftTest = (typeof DRIFT_TESTS)[number];

/** What the last window of a column said. */
export interface DriftVerdict {
  /** Distances; undefined when no number came, or the reference is one value only. */
  readonly drift: Drift | undefined;
  /** Chances without drift; NaN for a test that the window could not be put to. */
  readonly pValues: Readonly<Record<DriftTest, number>>;
  readonly alarms: Readonly<Record<DriftTest, boolean>>;
}

/** What is known of one column. */
export interface ColumnDrift {
  readonly reference: ReferenceDistribution;
  window: DriftWindow;
  startMilliseconds: number;
  last: DriftVerdict | undefined;
  looks: number;
  readonly alarms: Record<DriftTest, number>;
  /** All values so far by tenth of the reference, outside of any window. */
  readonly tenths: Float64Array;
}

const DAY_MILLISECONDS = 86_400_000;

/** Watches the columns of one revision in one arm. */
export class DriftWatch {
  readonly columns: (ColumnDrift | undefined)[] = [];
  readonly #settings: DriftSettings;
  readonly #references: References;

  constructor(settings: DriftSettings, references: References) {
    this.#settings = settings;
    this.#references = references;
  }

  /** Counts a value of a column; NaN is one that was missing. */
  add(column: number, value: number, nowMilliseconds: number): void {
    let known = this.columns[column];
    if (known === undefined) {
      const reference = this.#references.referenceFor(column, value);
      if (reference === undefined) return;
      known = {
        reference,
        window: emptyWindow(reference),
        startMilliseconds: nowMilliseconds,
        last: undefined,
        looks: 0,
        alarms: { PSI: 0, KS: 0, Missing: 0, OutOfReference: 0 },
        tenths: new Float64Array(reference.coarseSpacings.length),
      };
      this.columns[column] = known;
    }
    countValue(known.window, known.reference, value);
  }

  /** Judges every window that is due. `watched` is how many columns, in all arms, are looked at. */
  look(nowMilliseconds: number, watched: number): void {
    const { windowMilliseconds, minimumValues, falseAlarmDays } = this.#settings;
    const chance = chancePerLook({
      daysPerFalseAlarm: falseAlarmDays,
      looksPerDay: DAY_MILLISECONDS / windowMilliseconds,
      series: Math.max(1, watched) * DRIFT_TESTS.length,
    });
    for (const column of this.columns) {
      if (column === undefined) continue;
      const values = totalOf(column.window.counts) + oddIn(column.window, ODD.missing);
      if (nowMilliseconds - column.startMilliseconds < windowMilliseconds || values < minimumValues) continue;
      this.#judge(column, chance);
      column.startMilliseconds = nowMilliseconds;
    }
  }

  #judge(column: ColumnDrift, chance: number): void {
    const { reference, window } = column;
    const drift = driftOf(reference, window, chance);
    for (const [bin, tenth] of reference.coarseOf.entries()) {
      column.tenths[tenth] = (column.tenths[tenth] ?? 0) + (window.counts[bin] ?? 0);
    }
    column.window = emptyWindow(reference);
    column.looks++;
    const pValues = {
      PSI: drift?.stability.pValue ?? Number.NaN,
      KS: drift?.kolmogorovSmirnov.pValue ?? Number.NaN,
      ...oddChances(drift, reference, window),
    };
    const alarms = { PSI: false, KS: false, Missing: false, OutOfReference: false };
    for (const test of DRIFT_TESTS) {
      alarms[test] = pValues[test] <= chance;
      if (alarms[test]) column.alarms[test]++;
    }
    column.last = { drift, pValues, alarms };
  }
}

/** Chances of the odd values. A column of which nothing is left but missing values has no distances, but these. */
function oddChances(
  drift: Drift | undefined,
  { size, missing: missed }: ReferenceDistribution,
  window: DriftWindow,
) {
  if (drift !== undefined) return { Missing: drift.missing.pValue, OutOfReference: drift.outside.pValue };
  const numbers = totalOf(window.counts);
  const [missing, outside] = [
    oddIn(window, ODD.missing),
    oddIn(window, ODD.below) + oddIn(window, ODD.above),
  ];
  return {
    Missing: betaBinomialTail(missing, numbers + missing, missed + 1, size + 1),
    OutOfReference: numbers === 0 ? Number.NaN : betaBinomialTail(outside, numbers, 2, size - 1),
  };
}

function oddIn({ odd }: DriftWindow, place: number): number {
  return odd[place] ?? 0;
}
