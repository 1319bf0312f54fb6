/**
 * The arm that a user must get: what Envoy computes from the user header and the salt of the route, done again. Whoever
 * mints the token of an answer holds its arm to it, so that a router that splits in another way is found at its first
 * request and not after a day of bent comparisons, and no user's name has to be kept for that.
 *
 * Envoy 1.40 with `weighted_clusters.use_hash_policy` and one hash policy on a header hashes the rewritten value with
 * xxHash64 (seed 0), and takes the first cluster whose running sum of weights exceeds the hash modulo their total.
 */
import createHasher from "xxhash-wasm";
import { WEIGHT_SCALE } from "./sample-ratio.ts";

const { h64 } = await createHasher();

/**
 * The place of a user among 10,000, a whole number from 0 on: the same while the salt is. A user belongs to the first
 * arm, the candidate, while the place is below its weight, so whoever is in stays in under a ramp.
 *
 * @param user the value of the user header.
 * @param salt of the rollout.
 */
export function placeOf(user: string, salt: string): number {
  return Number(h64(`${user}:${salt}`) % BigInt(WEIGHT_SCALE));
}

/**
 * The index of the user's arm among arms with these weights, in the order in which the route has them. Undefined where
 * the weights do not reach the user's place.
 *
 * @param weights of 10,000 together.
 */
export function armOf(user: string, salt: string, weights: readonly number[]): number | undefined {
  const place = placeOf(user, salt);
  let end = 0;
  const index = weights.findIndex((weight) => {
    end += weight;
    return place < end;
  });
  return index < 0 ? undefined : index;
}
