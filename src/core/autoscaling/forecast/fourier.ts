/**
 * Waves: the load as a sum of the waves of a week, fitted again each day to the last seven.
 *
 * A wave counts only where it is higher than chance makes the highest of so many: in noise without any, squares of amplitudes
 * are exponential around their mean (Fisher, Proc. R. Soc. A 125, 1929). Waves of a day that last minutes, such as the edge of
 * a sale, need many; so what is sharp is left to others.
 */
import type { Forecaster } from "./forecaster.ts";
import { PastValues } from "./past-values.ts";

const DAYS = 7;
/** Waves of the week itself, and of its days, that are looked at. */
const WEEK_WAVES = 3;
const DAY_WAVES = 8;
/** They are fitted to means of so many slots of a day: four for the shortest wave. */
const MEANS_PER_DAY = 32;
/** A wave of noise passes once in so many fits. */
const CHANCE = 0.01;

interface Wave {
  /** How many of it a week has. */
  readonly number: number;
  readonly cosine: number;
  readonly sine: number;
}

/** Waves of the last week. */
export const FOURIER: Forecaster = {
  name: "Fourier",
  memoryDays: DAYS,
  start({ slotsPerDay }) {
    const past = new PastValues(DAYS * slotsPerDay);
    let [fittedAt, day]: [number, Float64Array] = [0, new Float64Array()];
    return {
      add(value) {
        past.add(value);
        if (past.count < DAYS * slotsPerDay || past.count % slotsPerDay !== 0) return;
        [fittedAt, day] = [past.count, nextDay(past, slotsPerDay)];
      },
      forecast(ahead) {
        const value = day[past.count - fittedAt + ahead - 1];
        return value === undefined || Number.isNaN(value) ? undefined : Math.max(0, value);
      },
    };
  },
};

/** What comes after the fit, by its waves: the day until the next one, and two hours for who asks at its end. */
function nextDay(past: PastValues, slotsPerDay: number): Float64Array {
  const means = meansOf(past, slotsPerDay);
  const known = means.filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const residuals = means.map((value) => (Number.isNaN(value) ? 0 : value - mean));
  const day = new Float64Array(slotsPerDay + Math.ceil(slotsPerDay / 12)).fill(mean);
  // The middle of the first mean is this far after the beginning of the week, and so is that of the first slot.
  const shift = (1 / MEANS_PER_DAY - 1 / slotsPerDay) / 2 / DAYS;
  for (const wave of wavesOf(residuals)) {
    const turn = new Turn(
      -2 * Math.PI * wave.number * shift,
      (2 * Math.PI * wave.number) / (DAYS * slotsPerDay),
    );
    for (let at = 0; at < day.length; at++) {
      day[at] = (day[at] ?? 0) + wave.cosine * turn.cosine + wave.sine * turn.sine;
      turn.next();
    }
  }
  return day;
}

/** Means of the week, from the oldest on; `NaN` where nothing is known. */
function meansOf(past: PastValues, slotsPerDay: number): Float64Array {
  const means = new Float64Array(DAYS * MEANS_PER_DAY);
  const length = slotsPerDay / MEANS_PER_DAY;
  for (let at = 0; at < means.length; at++) {
    let [sum, count] = [0, 0];
    const end = Math.round((at + 1) * length);
    for (let slot = Math.round(at * length); slot < end; slot++) {
      const value = past.ago(DAYS * slotsPerDay - 1 - slot);
      if (value !== undefined) [sum, count] = [sum + value, count + 1];
    }
    means[at] = sum / count;
  }
  return means;
}

/** The waves that are higher than noise. */
function wavesOf(residuals: Float64Array): readonly Wave[] {
  const numbers = [
    ...Array.from({ length: WEEK_WAVES }, (_, at) => at + 1),
    ...Array.from({ length: DAY_WAVES }, (_, at) => DAYS * (at + 1)),
  ];
  const waves = numbers.map((number) => waveOf(residuals, number));
  const power = (wave: Wave) => (wave.cosine ** 2 + wave.sine ** 2) / 2;
  const total = residuals.reduce((sum, value) => sum + value ** 2, 0) / residuals.length;
  // What is left when all of them are taken away is noise, spread over all waves that there are.
  const noise =
    Math.max(0, total - waves.reduce((sum, wave) => sum + power(wave), 0)) / (residuals.length / 2);
  const least = noise * -Math.log(1 - (1 - CHANCE) ** (1 / numbers.length));
  return waves.filter((wave) => power(wave) > least);
}

/** Least squares of one wave, which over whole periods is its coefficient of Fourier. */
function waveOf(residuals: Float64Array, number: number): Wave {
  const turn = new Turn(0, (2 * Math.PI * number) / residuals.length);
  let [real, imaginary] = [0, 0];
  for (let at = 0; at < residuals.length; at++) {
    real += (residuals[at] ?? 0) * turn.cosine;
    imaginary += (residuals[at] ?? 0) * turn.sine;
    turn.next();
  }
  return { number, cosine: (2 * real) / residuals.length, sine: (2 * imaginary) / residuals.length };
}

/** Cosine and sine of angles that follow each other, by turning a point: calls of `Math.cos` would cost ten times as much. */
class Turn {
  cosine: number;
  sine: number;
  readonly #stepCosine: number;
  readonly #stepSine: number;

  constructor(begin: number, step: number) {
    this.cosine = Math.cos(begin);
    this.sine = Math.sin(begin);
    this.#stepCosine = Math.cos(step);
    this.#stepSine = Math.sin(step);
  }

  next(): void {
    const { cosine, sine } = this;
    this.cosine = cosine * this.#stepCosine - sine * this.#stepSine;
    this.sine = sine * this.#stepCosine + cosine * this.#stepSine;
  }
}
