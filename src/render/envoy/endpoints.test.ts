import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { spillover } from "./endpoints.ts";

const pool = (listed: number, needed: number) => ({ listed, needed });

/** The share of each pool in per cent, as Envoy computes it from listed, healthy, vacancies and factor. */
function shares(
  pools: readonly { readonly listed: number; readonly needed: number; readonly healthy: number }[],
): number[] {
  const { overprovisioningFactor, vacancies } = spillover(pools);
  const health = pools.map(({ listed, healthy }, index) => {
    const places = listed + (vacancies[index] ?? 0);
    return places === 0 ? 0 : Math.min(100, Math.floor((overprovisioningFactor * healthy) / places));
  });
  const total = Math.min(
    100,
    health.reduce((sum, each) => sum + each, 0),
  );
  let left = 100;
  return health.map((each) => {
    const share = total === 0 ? 0 : Math.min(left, Math.floor((each * 100) / total));
    left -= share;
    return share;
  });
}

describe("spillover", () => {
  test.each([
    { what: "all as needed", pools: [pool(4, 4), pool(6, 6)], factor: 100, vacancies: [0, 0] },
    { what: "a short first pool", pools: [pool(1, 4), pool(6, 6)], factor: 100, vacancies: [3, 0] },
    { what: "a surplus in the first pool", pools: [pool(6, 4), pool(6, 6)], factor: 150, vacancies: [0, 0] },
    {
      what: "a surplus before a short pool",
      pools: [pool(6, 4), pool(2, 6), pool(1, 1)],
      factor: 150,
      vacancies: [0, 7, 0],
    },
    { what: "an empty first pool", pools: [pool(0, 4), pool(6, 6)], factor: 100, vacancies: [0, 0] },
    {
      what: "a short pool with nothing behind it",
      pools: [pool(1, 4), pool(0, 6)],
      factor: 100,
      vacancies: [0, 0],
    },
    { what: "one pool alone", pools: [pool(1, 200)], factor: 100, vacancies: [0] },
    { what: "a pool that needs nothing", pools: [pool(3, 0), pool(1, 1)], factor: 300, vacancies: [0, 0] },
    { what: "an immense surplus", pools: [pool(50, 1), pool(1, 1)], factor: 1_000, vacancies: [0, 0] },
    { what: "an immense need", pools: [pool(1, 1_000), pool(1, 1)], factor: 100, vacancies: [19, 0] },
    {
      what: "a factor that is no whole number",
      pools: [pool(4, 3), pool(1, 1)],
      factor: 134,
      vacancies: [0, 0],
    },
    { what: "nothing listed", pools: [pool(0, 2), pool(0, 2)], factor: 100, vacancies: [0, 0] },
    { what: "no pools", pools: [], factor: 100, vacancies: [] },
  ])("of $what", ({ pools, factor, vacancies }) => {
    expect(spillover(pools)).toEqual({ overprovisioningFactor: factor, vacancies });
  });

  test("gives the first pool what its healthy replicas can carry, when the next one carries the rest", () => {
    fc.assert(
      fc.property(
        fc.record({ listed: fc.integer({ min: 1, max: 40 }), needed: fc.integer({ min: 1, max: 20 }) }),
        fc.integer({ min: 0, max: 100 }),
        ({ listed, needed }, health) => {
          const healthy = Math.round((listed * health) / 100);
          const [first = 0] = shares([
            { listed, needed, healthy },
            { listed: 5, needed: 5, healthy: 5 },
          ]);
          const right = Math.min(100, (100 * healthy) / needed);
          // Beyond the bounds of factor and places it is only nearly right.
          const isBounded = listed > 10 * needed || needed > 20 * listed;
          if (!isBounded) expect(Math.abs(first - right)).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("never takes traffic from a pool whose needed replicas are healthy", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ needed: fc.integer({ min: 1, max: 30 }), surplus: fc.integer({ min: 0, max: 30 }) }),
          { minLength: 1, maxLength: 4 },
        ),
        (pools) => {
          const counts = pools.map(({ needed, surplus }) => ({
            needed,
            listed: Math.min(needed + surplus, needed * 10),
            healthy: needed,
          }));
          expect(shares(counts)[0]).toBe(100);
        },
      ),
    );
  });
});
