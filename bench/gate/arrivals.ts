/**
 * Users as they come for the first time, and the gate on the sample ratio over them. Each falls into an arm by itself,
 * by a hash of its own, so their counts are binomial.
 */
import { SAMPLE_RATIO_ALPHA, sampleRatio } from "../../src/core/rollout/gates/sample-ratio.ts";
import { type NewUsers, WEIGHT_SCALE } from "../../src/stats/sample-ratio.ts";
import { Chance } from "../../src/stats/testdata/chance.ts";

/** Fewer come for the first time as the day goes on. */
const NEW_USERS_AT_FIRST = 240;
const LOOKS_UNTIL_HALF = 60;

/** The probability of a false alarm that the gate is set to. */
export const ALPHA = SAMPLE_RATIO_ALPHA;

/**
 * How many runs find a skew.
 *
 * @param lost the share of the candidate's new users that get lost: 0 when all is well.
 */
export function skewedRuns(
  weights: readonly number[],
  looks: number,
  lost: number,
  runs: number,
  seed: number,
): number {
  const chance = new Chance(seed);
  let skewed = 0;
  for (let run = 0; run < runs; run++) {
    if (findsSkew(weights, looks, lost, chance)) skewed++;
  }
  return skewed;
}

function findsSkew(weights: readonly number[], looks: number, lost: number, chance: Chance): boolean {
  const epochs: (NewUsers & { readonly users: [number, number] })[] = [];
  for (let look = 0; look < looks; look++) {
    const epoch = Math.floor((look * weights.length) / looks);
    const weight = weights[epoch] ?? 0;
    epochs[epoch] ??= { weights: [weight, WEIGHT_SCALE - weight], users: [0, 0] };
    const { users } = epochs[epoch];
    const arriving = Math.ceil(NEW_USERS_AT_FIRST * 2 ** (-look / LOOKS_UNTIL_HALF));
    for (let user = 0; user < arriving; user++) {
      const isCandidate = chance.uniform() * WEIGHT_SCALE < weight;
      if (isCandidate && lost > 0 && chance.uniform() < lost) continue;
      users[isCandidate ? 0 : 1]++;
    }
    if (isFailed(epochs)) return true;
  }
  return false;
}

/** As the planner of releases asks it. */
function isFailed(newUsers: readonly NewUsers[]): boolean {
  const value = {
    metrics: new Map(),
    requestsPerSecond: 0,
    recentRequests: [],
    drawn: { of: "Requests", epochs: newUsers },
  } as const;
  const { verdict } = sampleRatio.judge({
    name: sampleRatio.name,
    settings: {},
    step: { nowMilliseconds: 0, weight: 0, isLast: false },
    evidence: {
      collected: { kind: "Whole", atMilliseconds: 0, value },
      queries: new Map(),
      hooks: new Map(),
    },
    harmGates: 0,
  });
  return verdict === "Fail";
}
