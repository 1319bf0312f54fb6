/**
 * What a quality gate's look at a release of nine days costs the collector: all that the operator asks for one judgement,
 * of a metric that matures in half an hour and two that take 72 hours, with answers of every group of users in every
 * minute of both arms.
 */
import { SUM } from "../../src/collect/cell-changes.ts";
import type { Collector } from "../../src/collect/collector.ts";
import type { EvidenceWish } from "../../src/collect/collector-answers.ts";
import { encodeVector, newVector } from "../../src/collect/group-vector.ts";
import { Ledger } from "../../src/collect/ledger.ts";
import { parseSettings } from "../../src/collect/settings.ts";
import { Store } from "../../src/collect/store.ts";
import { batchOf, openCollector, SETTINGS_TEXT, tokenOf } from "../../src/collect/testdata/collecting.ts";
import { slotOf } from "../../src/token/slot.ts";
import { GROUPS } from "../../src/token/tags.ts";

const MINUTES = 9 * 1_440;
/** Labels between two looks, of requests of the last 72 hours. */
const LABELS = 1_000;
const LOOKS = 5;
const EPOCHS = [{ first: 1, last: 4 }];

/** CPU seconds of this process. */
export interface LookCosts {
  /** Numbers of epoch, minute, arm and group of users that have answers. */
  readonly cells: number;
  /** Nothing is known yet. */
  readonly first: number;
  /** The median of the later ones, with labels between any two. */
  readonly later: number;
  /** What all of them have added to the memory of the process, in bytes. */
  readonly memoryBytes: number;
}

/** Makes a file and looks at it. */
export async function measureLooks(path: string): Promise<LookCosts> {
  const nowMilliseconds = Date.now();
  const firstSlot = slotOf(nowMilliseconds / 1_000) - MINUTES;
  makeCells(path, firstSlot);
  const collector = openCollector(path, {}, () => nowMilliseconds);
  try {
    const times = { startedAt: nowMilliseconds - (MINUTES + 60) * 60_000, closedAt: nowMilliseconds };
    await collector.impressions(batchOf(1, [], { ...times, to: nowMilliseconds }));
    const memory = process.memoryUsage.rss();
    const first = await cpuSecondsOfLook(collector, firstSlot, nowMilliseconds);
    const memoryBytes = process.memoryUsage.rss() - memory;
    const later: number[] = [];
    for (let look = 0; look < LOOKS; look++) {
      await sendLabels(collector, look, nowMilliseconds);
      later.push(await cpuSecondsOfLook(collector, firstSlot, nowMilliseconds));
    }
    const median = later.toSorted((a, b) => a - b)[LOOKS >> 1] ?? Number.NaN;
    return { cells: MINUTES * 2 * GROUPS, first, later: median, memoryBytes };
  } finally {
    await collector.close();
  }
}

function makeCells(path: string, firstSlot: number): void {
  const store = new Store(path);
  const ledger = new Ledger(store);
  store.transaction(() => ledger.configure(parseSettings(SETTINGS_TEXT)));
  const [deployment] = ledger.collected.values();
  if (deployment === undefined) throw new Error("expected a deployment");
  for (let from = 0; from < MINUTES; from += 240) {
    store.transaction(() => {
      for (let minute = from; minute < from + 240; minute++) {
        for (const arm of [0, 1]) {
          const epoch = epochOf(minute);
          const put = (sum: number, numberOf: (group: number) => number) =>
            store.putCell(
              { deployment: deployment.tag, slot: firstSlot + minute, epoch, arm, sum },
              encodeVector(newVector().map((_, group) => numberOf(group))),
            );
          put(SUM.impressions, (group) => 5 + ((group + minute) % 5));
          for (const sum of [SUM.labelledRequests, SUM.labels]) put(sum, (group) => (group + minute) % 3);
          for (const sum of [SUM.toldArms, SUM.checkedArms, SUM.newUsers])
            put(sum, (group) => (group === 0 ? 400 : 0));
          for (const { stored } of deployment.sums) put(stored.id, (group) => ((group + minute) % 3) * 1.25);
        }
      }
    });
  }
  store.close();
}

/** A quarter of the release each. */
function epochOf(minute: number): number {
  return 1 + Math.floor((4 * minute) / MINUTES);
}

async function sendLabels(collector: Collector, look: number, nowMilliseconds: number): Promise<void> {
  const objects = Array.from({ length: LABELS }, (_, index) => {
    // Not of the last minutes, and spread over all others.
    const minutesAgo = 10 + (index * 4_300) / LABELS;
    const token = tokenOf(look * LABELS + index, {
      ...{ arm: index % 2, epoch: epochOf(MINUTES - minutesAgo), user: `user-${look}-${index}` },
      seconds: (slotOf(nowMilliseconds / 1_000) - minutesAgo) * 60,
    });
    return { token, events: [{ label: index % 2 === 0 ? "click" : "order", value: 1 }] };
  });
  const answers = await collector.feedback(JSON.stringify(objects), true);
  const refused = answers.find(({ events: [event] }) => event !== "accepted" && event !== "late");
  if (refused !== undefined) throw new Error(`expected labels to be stored, got ${JSON.stringify(refused)}`);
}

/** As `src/operator/ask-collector.ts` asks, one after the other. */
async function cpuSecondsOfLook(
  collector: Collector,
  from: number,
  nowMilliseconds: number,
): Promise<number> {
  const now = slotOf(nowMilliseconds / 1_000);
  const counted = now - 1;
  const wishes: readonly EvidenceWish[] = [
    { from, epochs: EPOCHS, parts: ["impressions", "arrived", "checks"] },
    { from: counted - 9, to: counted, metrics: ["ctr"], parts: ["impressions"] },
    { from: from + 6, to: counted, epochs: EPOCHS, metrics: ["ctr"], parts: ["impressions"] },
    { from, to: now - 31, epochs: EPOCHS, metrics: ["ctr"], parts: ["impressions", "matured"] },
    {
      ...{ from, to: now - 4_321, epochs: EPOCHS, metrics: ["conversion", "revenue"] },
      parts: ["impressions", "matured"],
    },
  ];
  const before = process.cpuUsage();
  for (const wish of wishes) {
    const { arms } = await collector.evidence("ranker", wish);
    if (arms.length !== 2) throw new Error(`expected both arms, got ${arms.length}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
