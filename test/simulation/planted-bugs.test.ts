/**
 * Every planted error is noticed within a stated number of seeds, and by an invariant that speaks of it.
 */
import { afterAll, describe, expect, test } from "@jest/globals";
import { PLANTED_BUGS, PLANTED_BUGS_BY_PART } from "./planted-bugs/index.ts";
import { DEFAULT_SEEDS_TO_NOTICE } from "./planted-bugs/planted-bug.ts";
import { SeedRunner } from "./seed-runner.ts";
import { readSettings } from "./settings.ts";
import { PLANNERS } from "./write-point.ts";

const BUGS_PER_PLANNER = 5;
/** Far more than it takes: only a run that hangs gets there. */
const LONGEST_RUN_MILLISECONDS = 600_000;

const { steps } = readSettings({});
const runner = new SeedRunner();
afterAll(() => runner.end());

/**
 * The lowest of these seeds in which what breaks first is one of the invariants: whichever thread is the faster, it is
 * the same. An error may well break something else first in another world, which then ends there.
 */
async function noticedIn(plantedBug: number, invariants: readonly string[], count: number) {
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const results = new Map<number, string | undefined>();
  const others = new Set<string>();
  let next = 1;
  for await (const { seed, violation } of runner.run({ seeds, steps, plantedBug })) {
    results.set(seed, violation?.invariant);
    for (; results.has(next); next++) {
      const invariant = results.get(next);
      if (invariant === undefined) continue;
      if (invariants.includes(invariant)) return { seed: next };
      others.add(invariant);
    }
  }
  return { others: [...others] };
}

test.each(PLANNERS)("at least five errors are planted in planner %s", (planner) => {
  expect(PLANTED_BUGS_BY_PART[planner].length).toBeGreaterThanOrEqual(BUGS_PER_PLANNER);
});

describe.each(Object.entries(PLANTED_BUGS_BY_PART))("noticed in %s", (_part, bugs) => {
  test.each([...bugs])(
    "$what",
    async (bug) => {
      const count = bug.withinSeeds ?? DEFAULT_SEEDS_TO_NOTICE;
      const noticed = await noticedIn(PLANTED_BUGS.indexOf(bug), bug.noticedBy, count);
      expect(noticed).toEqual({ seed: expect.any(Number) });
    },
    LONGEST_RUN_MILLISECONDS,
  );
});
