/**
 * The traffic of a campaign, by what it is to show. All but what is said is the hour of a shop: 1,000 requests a minute,
 * 10 % of them to the candidate, click-through 5 %, a look each minute.
 */
import type { Scenario } from "./campaign.ts";

const HOUR: Scenario = {
  name: "1 h, independent",
  shop: { users: "Independent", clickThrough: 0.05 },
  change: 0,
  weights: [1_000],
  minutes: 60,
  requestsPerMinute: 1_000,
  minutesBetweenLooks: 1,
};
const HEAVY: Scenario = { ...HOUR, name: "1 h, heavy users", shop: { users: "Heavy", clickThrough: 0.05 } };
const DAY: Scenario = { ...HEAVY, name: "24 h, heavy users", minutes: 1_440 };
const RAMP = [500, 2_000, 5_000];

/** An hour without a change. */
export const QUIET_HOURS: readonly Scenario[] = [
  HOUR,
  HEAVY,
  { ...HEAVY, name: "1 h, alike users", shop: { users: "Alike", clickThrough: 0.05 } },
  { ...HEAVY, name: "1 h, heavy, a bot that clicks 20 %", shop: { ...HEAVY.shop, bot: 0.2 } },
  { ...HEAVY, name: "1 h, heavy, a bot that never clicks", shop: { ...HEAVY.shop, bot: 0 } },
  { ...HEAVY, name: "1 h, heavy, CTR 1 %", shop: { users: "Heavy", clickThrough: 0.01 } },
  { ...HEAVY, name: "1 h, heavy, 1 %", weights: [100] },
  { ...HEAVY, name: "1 h, heavy, 50 %", weights: [5_000] },
  { ...HEAVY, name: "1 h, heavy, 95 % (holdback)", weights: [9_500] },
  { ...HEAVY, name: "1 h, heavy, 100 requests a minute", requestsPerMinute: 100 },
  { ...HEAVY, name: "1 h, heavy, ramp 5-20-50 %", weights: RAMP },
];

/** Long times without a change. */
export const QUIET_DAYS: readonly Scenario[] = [
  DAY,
  { ...DAY, name: "24 h, heavy, a bot, by day and night", shop: { ...DAY.shop, bot: 0.2 }, isDiurnal: true },
  {
    ...DAY,
    name: "24 h, heavy, ramp 5-20-50 %, day and night",
    weights: RAMP,
    isDiurnal: true,
    minutesBetweenLooks: 5,
  },
  {
    ...DAY,
    name: "7 days at a tenth, heavy",
    minutes: 10_080,
    requestsPerMinute: 100,
    minutesBetweenLooks: 10,
  },
];

/** A candidate that is worse, or better. */
export const CHANGED_HOURS: readonly Scenario[] = [
  { ...HOUR, name: "-20 %, independent", change: -0.2 },
  { ...HOUR, name: "-50 %, independent", change: -0.5 },
  { ...HEAVY, name: "-20 %, heavy users", change: -0.2 },
  { ...HEAVY, name: "-50 %, heavy users", change: -0.5 },
  { ...HEAVY, name: "+20 %, heavy users", change: 0.2 },
];

/** The margin of the promotions below. */
export const MARGIN = 0.1;

/** Half a day at 50 %, looked at each hour: exactly at the margin on the bad side, and without a change. */
const HALF_DAY: Scenario = {
  ...HEAVY,
  name: "12 h, 50 %, without a change",
  weights: [5_000],
  minutes: 720,
  minutesBetweenLooks: 60,
};

/** For a metric of which more is better. */
export const PROMOTIONS: readonly Scenario[] = [
  { ...HALF_DAY, name: "12 h, 50 %, exactly at the margin", change: -MARGIN },
  { ...HALF_DAY, name: "12 h, ramp 5-20-50 %, exactly at the margin", change: -MARGIN, weights: RAMP },
  HALF_DAY,
];

/** For a metric of which less is better. */
export const PROMOTIONS_OF_LESS: readonly Scenario[] = [
  { ...HALF_DAY, name: "12 h, 50 %, exactly at the margin", change: MARGIN },
  HALF_DAY,
];
