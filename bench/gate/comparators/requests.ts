/**
 * Gates that count requests as if each were a user of its own: the test of two proportions looked at every minute, and
 * the exact count process fed with what it is not exact for.
 */
import { logCountEvidence } from "../../../src/stats/count-evidence.ts";
import { chiSquareTail } from "../../../src/stats/incomplete-gamma.ts";
import { normalQuantile } from "../../../src/stats/normal-distribution.ts";
import type { Gate } from "../gate.ts";

const ALPHA = 0.05;
const Z_OF_ALPHA = normalQuantile(1 - ALPHA / 2);
const RATIO_ALPHA = 0.001;

/** The pooled z of two proportions, repeated at every look as if each were the only one. */
export const peekingZ: Gate = {
  name: "z test at every look",
  start: () => {
    let [n1, y1, n0, y0] = [0, 0, 0, 0];
    return ({ candidate, stable }) => {
      n1 += candidate.requests;
      y1 += candidate.clicks;
      n0 += stable.requests;
      y0 += stable.clicks;
      const rate = (y1 + y0) / (n1 + n0);
      const error = Math.sqrt(rate * (1 - rate) * (1 / n1 + 1 / n0));
      return Math.abs(y1 / n1 - y0 / n0) > Z_OF_ALPHA * error;
    };
  },
};

/** The count process on what each arm counts; a change of the weights begins another one, and evidence multiplies. */
function countProcess(name: string, alpha: number, counted: "clicks" | "requests"): Gate {
  return {
    name,
    start: () => {
      let [past, share, candidateCount, stableCount] = [0, -1, 0, 0];
      return (look) => {
        const present = () =>
          share < 0 ? 0 : logCountEvidence([share, 1 - share], [candidateCount, stableCount]);
        if (look.share !== share) {
          past += present();
          [share, candidateCount, stableCount] = [look.share, 0, 0];
        }
        candidateCount += look.candidate[counted];
        stableCount += look.stable[counted];
        return past + present() >= Math.log(1 / alpha);
      };
    },
  };
}

/** Clicks, at the error of all gates. */
export const countProcessOnClicks = countProcess("count process on requests' clicks", ALPHA, "clicks");

/** Sample ratio on requests, at 0.001. */
export const sampleRatioOnRequests = countProcess("sample ratio on requests, .001", RATIO_ALPHA, "requests");

/** The p-value of Pearson's test that counts fall into these shares. */
export function pearsonProbability(shares: readonly number[], counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const statistic = shares.reduce((sum, share, arm) => {
    const expected = share * total;
    return sum + ((counts[arm] ?? 0) - expected) ** 2 / expected;
  }, 0);
  return chiSquareTail(statistic, shares.length - 1);
}
