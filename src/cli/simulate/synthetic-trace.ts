/**
 * The load of a shop that does not exist, from a seed: for who has no trace yet. Pure.
 *
 * It has a morning, an evening, weekends, hours that are busier than others and minutes that wander; it is no particular shop,
 * and what holds on it must be tried on real traffic before it is believed.
 */
import type { Chance } from "../../stats/chance.ts";
import type { LoadTrace } from "./load-trace.ts";

const STEP_SECONDS = 60;
const STEPS_PER_DAY = 86_400 / STEP_SECONDS;
/** Of the trough, beside a peak near 1. */
const NIGHT = 0.12;
/** Humps of a day: when, how wide (hours), how high. */
const HUMPS = [
  { hour: 11, width: 2.5, height: 0.55 },
  { hour: 20.5, width: 2.2, height: 0.85 },
] as const;
const WEEKEND = 1.15;
/** Deviation of the busyness of hours, and of minutes, in logarithms; and how many minutes the first one lasts. */
const HOUR_DEVIATION = 0.06;
const MINUTE_DEVIATION = 0.02;
const HOUR_MINUTES = 90;

/** A Monday, 00:00 UTC. */
export const SYNTHETIC_START_MILLISECONDS = Date.UTC(2026, 0, 5);

/** Requests a second, minute by minute, around 1 at the height of a weekday. */
export function syntheticShop(days: number, chance: Chance): LoadTrace {
  const keep = Math.exp(-1 / HOUR_MINUTES);
  let busy = 0;
  const rates = Float64Array.from({ length: days * STEPS_PER_DAY }, (_, step) => {
    busy = keep * busy + HOUR_DEVIATION * Math.sqrt(1 - keep ** 2) * chance.normal();
    const weekday = Math.floor(step / STEPS_PER_DAY) % 7 < 5 ? 1 : WEEKEND;
    return (
      weekday * shapeOf((step % STEPS_PER_DAY) / 60) * Math.exp(busy + MINUTE_DEVIATION * chance.normal())
    );
  });
  return { startMilliseconds: SYNTHETIC_START_MILLISECONDS, stepSeconds: STEP_SECONDS, rates };
}

function shapeOf(hour: number): number {
  return HUMPS.reduce((sum, { hour: middle, width, height }) => {
    const apart = Math.min(Math.abs(hour - middle), 24 - Math.abs(hour - middle));
    return sum + height * Math.exp(-0.5 * (apart / width) ** 2);
  }, NIGHT);
}

/** Load without any hours: a level that wanders, with crowds that come at once and go slowly. */
export function syntheticCrowds(days: number, chance: Chance): LoadTrace {
  let [level, crowd] = [0, 0];
  const rates = Float64Array.from({ length: days * STEPS_PER_DAY }, () => {
    level = 0.9995 * level + 0.01 * chance.normal();
    // About one crowd in a day, which halves in about twenty minutes.
    if (chance.uniform() < 1 / STEPS_PER_DAY) crowd = 0.5 + chance.uniform();
    crowd *= 0.965;
    return Math.exp(level) * (0.4 + crowd);
  });
  return { startMilliseconds: SYNTHETIC_START_MILLISECONDS, stepSeconds: STEP_SECONDS, rates };
}
