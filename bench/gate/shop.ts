/**
 * The simulated shop: users who come in sessions, some much more often than others, each with a click-through of their
 * own, and what a release does to it.
 *
 * Only sums per arm, group of users and minute are ever looked at. For given users, sessions are independent draws of
 * (user, clicks in it), so the sums of a minute are exactly those of draws from a table of (arm, group, clicks): the
 * users' weights added up. A day of 1.4 million requests is 360,000 draws from 1,280 outcomes, with nothing left out.
 */
import { USER_GROUPS } from "../../src/stats/evidence.ts";
import { WEIGHT_SCALE } from "../../src/stats/sample-ratio.ts";
import type { Chance } from "../../src/stats/testdata/chance.ts";
import { WeightedTable } from "./weighted-table.ts";

/** Who comes to the shop. */
export interface ShopDescription {
  /** Independent: each request is a user of its own, and its own group. */
  readonly users: "Independent" | "Alike" | "Heavy";
  /** Mean of the users' click-through; the standard deviation is 0.94 of it, as 4.7 % is of 5 %. */
  readonly clickThrough: number;
  /** How many users there are: 200,000 unless given. */
  readonly size?: number;
  /** A user who makes 0.5 % of all requests, and clicks with this probability. */
  readonly bot?: number;
}

const USUAL_SIZE = 200_000;
const HEAVY_SIGMA = 1.5;
const BOT_SHARE = 0.005;
const RELATIVE_DEVIATION = 0.94;
const SESSION = 4;

/** Outcomes of a session: the arm (candidate first), the group, the clicks. */
export interface SessionTable {
  readonly table: WeightedTable;
  /** Requests in each session, all in the same minute. */
  readonly requests: number;
}

/** The users of one shop. Each run of a campaign gives them new arms and groups. */
export class Shop {
  readonly #description: ShopDescription;
  /** How often each user comes times the probability of 0 to 4 clicks, for stable and for the candidate. */
  readonly #stable: Float32Array;
  readonly #candidate: Float32Array;
  readonly #places: Uint16Array;
  readonly #groups: Uint8Array;

  /** @param change the relative change of each user's click-through in the candidate's arm. */
  constructor(description: ShopDescription, change: number, chance: Chance) {
    this.#description = description;
    const isIndependent = description.users === "Independent";
    const users = isIndependent ? 0 : (description.size ?? USUAL_SIZE);
    this.#places = new Uint16Array(users);
    this.#groups = new Uint8Array(users);
    this.#stable = new Float32Array(users * (SESSION + 1));
    this.#candidate = new Float32Array(users * (SESSION + 1));
    if (isIndependent) return;
    const { clickThrough } = description;
    const strength = (1 - clickThrough) / (clickThrough * RELATIVE_DEVIATION ** 2) - 1;
    let total = 0;
    for (let user = 0; user < users - 1; user++) {
      const activity = description.users === "Heavy" ? Math.exp(HEAVY_SIGMA * chance.normal()) : 1;
      total += activity;
      const rate = chance.beta(strength * clickThrough, strength * (1 - clickThrough));
      fillSession(this.#stable, user, activity, rate);
      fillSession(this.#candidate, user, activity, Math.min(1, rate * (1 + change)));
    }
    const { bot } = description;
    const activity = bot === undefined ? 0 : (total * BOT_SHARE) / (1 - BOT_SHARE);
    fillSession(this.#stable, users - 1, activity, bot ?? 0);
    fillSession(this.#candidate, users - 1, activity, bot ?? 0);
  }

  /** Puts every user into an arm and a group anew: another salt, another key. */
  shuffle(chance: Chance): void {
    for (let user = 0; user < this.#places.length; user++) {
      const bits = chance.bits();
      this.#groups[user] = bits & (USER_GROUPS - 1);
      this.#places[user] = ((bits >>> 7) * WEIGHT_SCALE) / 2 ** 25;
    }
  }

  /** What a session is like while the candidate has this weight of 10,000. Users keep their places. */
  sessions(weight: number, change: number): SessionTable {
    if (this.#description.users === "Independent")
      return independentRequests(this.#description, weight, change);
    const weights = new Float64Array(2 * USER_GROUPS * (SESSION + 1));
    for (let user = 0; user < this.#places.length; user++) {
      const isCandidate = (this.#places[user] ?? 0) < weight;
      const rates = isCandidate ? this.#candidate : this.#stable;
      const from = user * (SESSION + 1);
      const to = ((isCandidate ? 0 : USER_GROUPS) + (this.#groups[user] ?? 0)) * (SESSION + 1);
      for (let clicks = 0; clicks <= SESSION; clicks++) {
        weights[to + clicks] = (weights[to + clicks] ?? 0) + (rates[from + clicks] ?? 0);
      }
    }
    return { table: new WeightedTable(weights), requests: SESSION };
  }
}

/** Binomial probabilities of the clicks in a session, times how often the user comes. */
function fillSession(rates: Float32Array, user: number, activity: number, rate: number): void {
  const at = user * (SESSION + 1);
  const miss = 1 - rate;
  rates[at] = activity * miss ** 4;
  rates[at + 1] = activity * 4 * rate * miss ** 3;
  rates[at + 2] = activity * 6 * rate ** 2 * miss ** 2;
  rates[at + 3] = activity * 4 * rate ** 3 * miss;
  rates[at + 4] = activity * rate ** 4;
}

function independentRequests(
  { clickThrough }: ShopDescription,
  weight: number,
  change: number,
): SessionTable {
  const weights = new Float64Array(2 * USER_GROUPS * 2);
  const share = weight / WEIGHT_SCALE;
  for (const [arm, part, rate] of [
    [0, share, clickThrough * (1 + change)],
    [1, 1 - share, clickThrough],
  ] as const) {
    for (let group = 0; group < USER_GROUPS; group++) {
      weights[(arm * USER_GROUPS + group) * 2] = part * (1 - rate);
      weights[(arm * USER_GROUPS + group) * 2 + 1] = part * rate;
    }
  }
  return { table: new WeightedTable(weights), requests: 1 };
}
