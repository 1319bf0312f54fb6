/** Records of probes, put together from stretches of time in which the same happens. */
import type { ProbeRecord } from "../../../api/probe-record.ts";
import type { DrillSettings } from "../drill-settings.ts";

export const SLOT_MILLISECONDS = 100;
/** Probes in a slot. */
export const PER_SLOT = 20;
export const START_MILLISECONDS = 1_700_000_000_000;

/** Availability 99.9 %, so 3,000 probes are needed: 15 s. */
export const SETTINGS: DrillSettings = {
  fault: "PoolLoss",
  objectives: { recoveryMilliseconds: 10_000, availability: 0.999, slowShare: 0.01 },
  controlMilliseconds: 10_000,
  faultMilliseconds: 30_000,
  failbackMilliseconds: 10_000,
  holdMilliseconds: 5_000,
};

/** What happens to the probes of each slot of a stretch; one witness a slot unless given. */
export interface Stretch {
  readonly milliseconds: number;
  readonly bad?: number;
  readonly slow?: number;
  readonly moved?: number;
  readonly late?: number;
  readonly witnesses?: number;
  readonly met?: number;
  readonly clear?: number;
}

/** Nothing is wrong. */
export const well = (milliseconds: number): Stretch => ({ milliseconds, clear: 1 });
/** The fault is there, and another pool answers everything. */
export const failedOver = (milliseconds: number): Stretch => ({ milliseconds, met: 1, moved: PER_SLOT });
/** The fault is there, and nothing is answered. */
export const outage = (milliseconds: number): Stretch => ({ milliseconds, met: 1, bad: PER_SLOT });
/** The fault is gone, and the traffic has not come back. */
export const stillMoved = (milliseconds: number): Stretch => ({ milliseconds, clear: 1, moved: PER_SLOT });

/** Some of the routers have the fault and some do not; each witness finds one of them. */
export const half = (milliseconds: number): Stretch => ({ milliseconds, witnesses: 2, met: 1, clear: 1 });

/** A record of stretches, one after the other. */
export function recordOf(...stretches: readonly Stretch[]): ProbeRecord {
  const column = (value: (stretch: Stretch) => number) =>
    stretches.flatMap((stretch) =>
      Array.from({ length: stretch.milliseconds / SLOT_MILLISECONDS }, () => value(stretch)),
    );
  return {
    startMilliseconds: START_MILLISECONDS,
    slotMilliseconds: SLOT_MILLISECONDS,
    sent: column(() => PER_SLOT),
    good: column(({ bad = 0 }) => PER_SLOT - bad),
    slow: column(({ slow = 0 }) => slow),
    moved: column(({ moved = 0 }) => moved),
    late: column(({ late = 0 }) => late),
    witnesses: column(({ witnesses = 1 }) => witnesses),
    met: column(({ met = 0 }) => met),
    clear: column(({ clear = 0 }) => clear),
  };
}

/** A drill that goes as it should. */
export const GOOD_DRILL: readonly Stretch[] = [well(10_000), failedOver(30_000), well(10_000)];
