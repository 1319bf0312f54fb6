/**
 * How far an AUC out of the bins of scores is from that of all pairs.
 */
import { areaUnderCurve, PROBABILITY_SCORE_BINS } from "../../src/stats/score-bins.ts";
import { random } from "./sending.ts";

/** The area by ranks, of all pairs. */
function exactArea(positives: readonly number[], negatives: readonly number[]): number {
  const sorted = negatives.toSorted((a, b) => a - b);
  const upTo = (value: number, orEqual: boolean) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = sorted[middle] ?? 0;
      if (other < value || (orEqual && other === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const sum = positives.reduce((total, score) => total + (upTo(score, false) + upTo(score, true)) / 2, 0);
  return sum / (positives.length * negatives.length);
}

/** Scores like click rates of a few in a hundred, the labelled ones and the others each in their own counts. */
export function errorOfArea(): number {
  const classes: [number[], number[]] = [[], []];
  const counts = classes.map(() => new Float64Array(PROBABILITY_SCORE_BINS.count));
  for (let index = 0; index < 400_000; index++) {
    const score = 0.15 * random() ** 3;
    const label = random() < score ? 0 : 1;
    classes[label].push(score);
    const [bins, bin] = [counts[label], PROBABILITY_SCORE_BINS.binOf(score)];
    if (bins !== undefined) bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const [positives = new Float64Array(0), negatives = positives] = counts;
  const binned = areaUnderCurve(positives, negatives) ?? Number.NaN;
  return Math.abs(binned - exactArea(...classes));
}
