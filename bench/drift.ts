/**
 * How often drift alarms come without drift, against how often they were asked for: PSI by its chi-square null, the fixed
 * limit of 0.2 that others use, and the distance of distribution functions, for windows of 100 to 1,000,000 values.
 *
 * Run: node bench/drift.ts [RUNS, 10000 unless given]
 */
import { binnedTest } from "../src/stats/kolmogorov-smirnov.ts";
import { stabilityIndex, stabilityOf } from "../src/stats/population-stability.ts";
import { coarseCountsOf, referenceOf } from "../src/stats/reference-distribution.ts";
import { Chance } from "../src/stats/testdata/chance.ts";
import { drawCounts } from "../src/stats/testdata/draw-counts.ts";

const runs = Number(process.argv[2] ?? 10_000);
const CHANCES = [0.05, 0.01];
/** The bar: within so much of what was asked, beside four standard errors of the runs. */
const BAR = 0.2;
let isMissed = false;

function verdict(alarms: number, of: number, chance: number): string {
  const error = 4 * Math.sqrt((1 - chance) / (chance * of));
  const ratio = alarms / of / chance;
  if (Math.abs(ratio - 1) > BAR + error) isMissed = true;
  return `${ratio.toFixed(2)} of ${chance}`;
}

for (const size of [100, 1_000, 10_000]) {
  const reference = referenceOf(Array.from({ length: size }, (_, index) => index));
  const inTenths = coarseCountsOf(reference);
  const gaps = reference.counts.map((inBin, bin) => inBin + (bin === 0 ? 1 : 0));
  for (const count of [100, 300, 1_000, 10_000, 100_000, 1_000_000]) {
    const random = new Chance(size + count);
    const expected = reference.coarseSpacings.map((one) => (count * one) / (size + 1));
    const thresholds = CHANCES.map(
      (chance) => stabilityOf(reference, expected, chance)?.threshold ?? Number.NaN,
    );
    const stability = CHANCES.map(() => 0);
    let fixed = 0;
    for (let run = 0; run < runs; run++) {
      const index = stabilityIndex(inTenths, drawCounts(random, reference.coarseSpacings, count));
      for (const [at, threshold] of thresholds.entries())
        if (index >= threshold) stability[at] = (stability[at] ?? 0) + 1;
      if (index > 0.2) fixed++;
    }
    const distance = CHANCES.map(() => 0);
    const distanceRuns = Math.ceil(runs / 5);
    for (let run = 0; run < distanceRuns; run++) {
      const { pValue } = binnedTest(reference.counts, drawCounts(random, gaps, count));
      for (const [at, chance] of CHANCES.entries())
        if (pValue <= chance) distance[at] = (distance[at] ?? 0) + 1;
    }
    const psi = CHANCES.map((chance, at) => verdict(stability[at] ?? 0, runs, chance)).join(", ");
    const ks = CHANCES.map((chance, at) => verdict(distance[at] ?? 0, distanceRuns, chance)).join(", ");
    console.log(
      `reference ${size}, window ${count}: PSI ${psi}; KS ${ks}; PSI > 0.2 fires in ${((100 * fixed) / runs).toFixed(1)} %`,
    );
  }
}
process.exit(isMissed ? 1 : 0);
