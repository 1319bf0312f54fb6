/**
 * That what routers tell of requests is kept once, through a restart, for those alone whose series are watched, and no longer
 * than it is asked for.
 */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { SLOT_SECONDS, slotOf } from "../token/slot.ts";
import { nameTag } from "../token/tags.ts";
import { KEPT_SERVED_SLOTS } from "./kept-service.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";
import { batchOf, NOW_SECONDS, openCollector, SETTINGS_TEXT } from "./testdata/collecting.ts";

const WATCHED = parseSettings(
  SETTINGS_TEXT.replace(`"labels"`, `"anomalies":{"falseAlarmEvery":"168h"},"labels"`),
);
const NOW = slotOf(NOW_SECONDS);
const TAG = nameTag("uid-1");

const minute = (fields: object = {}) => ({
  ...{ deployment: "ranker", slot: NOW - 5, arm: "Stable", requests: 3, errors: 1, milliseconds: 40 },
  ...{ latencies: [[50, 2]], ...fields },
});

/** What a file has once a collector was given some batches; the last of them it may refuse, with this message. */
async function keptAfter(
  batches: readonly string[],
  settings = WATCHED,
  refusal?: string,
): Promise<readonly [string, number][]> {
  return await inFolder(async (folder) => {
    const path = join(folder, "evidence.db");
    const collector = openCollector(path, { settings }, () => NOW_SECONDS * 1_000);
    try {
      for (const batch of batches.slice(0, -1)) await collector.impressions(batch);
      const last = collector.impressions(batches.at(-1) ?? "");
      if (refusal === undefined) await last;
      else await expect(last).rejects.toThrow(refusal);
    } finally {
      await collector.close();
    }
    const store = new Store(path);
    try {
      const sums = store.served.sums(TAG, { first: 0, last: NOW + 2 * KEPT_SERVED_SLOTS });
      return [...sums].map(([arm, { requests }]) => [arm, requests]);
    } finally {
      store.close();
    }
  });
}

const told = (number: number, ...served: object[]) => batchOf(number, [], { served });

test("batches add up by arm, and one that comes twice counts once", async () => {
  const first = told(1, minute(), minute({ arm: "Candidate", requests: 9 }));
  expect(await keptAfter([first, first, told(2, minute(), minute({ slot: NOW - 4 }))])).toEqual([
    ["Stable", 9],
    ["Candidate", 9],
  ]);
});

test("nothing is kept of a deployment that is not collected or not watched, nor of another time", async () => {
  expect(await keptAfter([told(1, minute({ deployment: "other" }))])).toEqual([]);
  expect(await keptAfter([told(1, minute())], parseSettings(SETTINGS_TEXT))).toEqual([]);
  for (const slot of [NOW - KEPT_SERVED_SLOTS - 1, NOW + KEPT_SERVED_SLOTS + 1]) {
    expect(await keptAfter([told(1, minute({ slot }))])).toEqual([]);
  }
  expect(await keptAfter([batchOf(1, [])])).toEqual([]);
});

test("a batch with what is no count is refused as a whole", async () => {
  const bad = told(1, minute(), minute({ requests: 0 }));
  expect(await keptAfter([bad], WATCHED, "served[1].errors: expected at most 0, got 1")).toEqual([]);
});

test("minutes that no window asks for any more are forgotten", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "evidence.db");
    let now = NOW_SECONDS;
    const collector = openCollector(path, { settings: WATCHED }, () => now * 1_000);
    await collector.impressions(told(1, minute(), minute({ slot: NOW })));
    now += (KEPT_SERVED_SLOTS - 2) * SLOT_SECONDS;
    // It sweeps once a second.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await collector.close();
    const store = new Store(path);
    const kept = (slot: number) => store.served.sums(TAG, { first: slot, last: slot }).size;
    expect([kept(NOW - 5), kept(NOW)]).toEqual([0, 1]);
    store.close();
  });
}, 30_000);
