/**
 * Every planted error is noticed within the seeds that `npm test` runs, and by an invariant that speaks of it.
 */
import { expect, test } from "@jest/globals";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { runSeeds } from "./seed-runner.ts";
import { readSettings } from "./settings.ts";

const { seeds, steps } = readSettings({});

test.each(PLANTED_BUGS.map((bug, index) => ({ ...bug, index, name: `${bug.part}: ${bug.what}` })))(
  "noticed: $name",
  async ({ index, noticedBy }) => {
    for await (const { violation } of runSeeds({ seeds, steps, plantedBug: index })) {
      if (violation === undefined) continue;
      expect(noticedBy).toContain(violation.invariant);
      return;
    }
    throw new Error(`not noticed in ${seeds.length} seeds`);
  },
  600_000,
);
