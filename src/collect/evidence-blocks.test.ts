/**
 * That a look at what was looked at before reads little, and that what is kept for it is bounded. What it answers is held
 * to the file by `evidence-property.test.ts`.
 */
import { expect, test } from "@jest/globals";
import { SUM } from "./cell-changes.ts";
import { EvidenceBlocks } from "./evidence-blocks.ts";
import { newVector } from "./group-vector.ts";
import { Store } from "./store.ts";
import { batchOf, NOW_SECONDS, tokenOf, withCollector } from "./testdata/collecting.ts";

const MINUTES = 360;
const NOW_SLOT = NOW_SECONDS / 60;

/** A token of a request so many minutes ago. */
function tokenOfMinute(minute: number): string {
  return tokenOf(minute, { seconds: NOW_SECONDS - minute * 60 - 120 });
}

test("a second look reads only what is no whole half hour, and shows the labels that came since", () => {
  const store = new Store(":memory:");
  let slots = 0;
  const cells = store.cells.bind(store);
  store.cells = (deployment, first, last, sums) => {
    slots += last - first + 1;
    return cells(deployment, first, last, sums);
  };
  return withCollector(
    async (collector) => {
      const lines = Array.from({ length: MINUTES }, (_, minute) => ({ token: tokenOfMinute(minute) }));
      await collector.impressions(batchOf(1, lines, { startedAt: (NOW_SECONDS - 86_400) * 1_000 }));
      const look = async () => {
        const before = slots;
        const { arms } = await collector.evidence("ranker", { from: Math.floor(NOW_SLOT) - MINUTES });
        const clicks = arms[0]?.metrics["ctr"]?.arrived?.reduce((sum, count) => sum + count, 0);
        const impressions = arms[0]?.n.reduce((sum, count) => sum + count, 0);
        return { clicks, impressions, read: slots - before };
      };
      const first = await look();
      expect(first.read).toBeGreaterThan(MINUTES - 30);
      for (const minute of [10, 100, 200, 300]) {
        const label = { token: tokenOfMinute(minute), events: [{ label: "click", row: 0 }] };
        await collector.feedback(JSON.stringify(label), true);
      }
      const second = await look();
      expect(second).toEqual({ ...first, clicks: 4, read: expect.any(Number) });
      expect(second.read).toBeLessThan(60);
      // The second answer of a user in a minute is one more; the first of another one changes what is shown.
      await collector.impressions(batchOf(2, [{ token: tokenOfMinute(200) }]));
      expect((await look()).read).toBe(second.read);
      const other = tokenOf(1_000, { seconds: NOW_SECONDS - 200 * 60 - 120, user: "somebody else" });
      await collector.impressions(batchOf(3, [{ token: other }]));
      expect(await look()).toEqual({
        ...{ clicks: 4, impressions: (first.impressions ?? 0) + 2, read: second.read + 30 },
      });
    },
    { store },
  );
});

test("what was not asked for the longest goes when there is no more room", () => {
  const blocks = new EvidenceBlocks(6);
  const reading = { sums: new Set([SUM.impressions, SUM.labelledRequests, 21]), doubtful: [] };
  const range = (first: number) => ({ first, last: first + 29 });
  const keep = (first: number) => {
    const arm = {
      ...{ epoch: 1, arm: 0, firstSlot: first, lastSlot: first },
      totals: new Map<number, number>(),
    };
    const vectors = new Map([SUM.impressions, 20].map((sum) => [sum, newVector()]));
    const arms = new Map([["1/0", { ...arm, vectors }]]);
    blocks.keep(7, range(first), { ...reading, arms, impossible: new Set() });
  };
  const isKept = (first: number) => blocks.find(7, range(first), reading) !== undefined;
  keep(0);
  keep(30);
  expect(isKept(0)).toBe(true);
  keep(60);
  expect([0, 30, 60].filter(isKept)).toEqual([0, 60]);
  // A block that is read again takes the room of one.
  keep(60);
  expect([0, 60].filter(isKept)).toEqual([0, 60]);
  // One that gets a sum more takes more.
  const place = { deployment: 7, slot: 60, epoch: 1, arm: 0 };
  const added = new Map([[21, newVector()]]);
  blocks.change({ ...place, added, impressions: newVector(), labelledRequests: undefined });
  expect([0, 60].filter(isKept)).toEqual([60]);
});
