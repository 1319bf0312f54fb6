/**
 * The order of files that run side by side: what waits the longest begins first, so that it is not what everybody waits
 * for in the end. jest orders by the times of earlier runs, which a clean clone does not have.
 */

/** Minutes of waiting for whole steps, labels that mature, and counts of whole minutes; the longest first. */
const LONGEST = ["label-gated-canary", "holdback", "service-gated-canary"];

/** jest asks for one of its own classes, of which only these four methods are called. */
export default class LongestFirst {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONGEST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    return tests.toSorted((one, other) => rank(one) - rank(other) || one.path.localeCompare(other.path));
  }

  shard(tests) {
    return tests;
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
