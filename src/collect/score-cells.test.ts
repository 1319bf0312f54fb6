/**
 * That cells of scores go when they are old, and that a transaction that failed leaves nothing of them.
 */
import { expect, test } from "@jest/globals";
import { describeRows } from "../token/described-rows.ts";
import { nameTag } from "../token/tags.ts";
import { blockOf } from "./evidence-blocks.ts";
import { readBatch } from "./impression-batch.ts";
import { Ledger } from "./ledger.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";
import { batchOf, NOW_SECONDS, SETTINGS_TEXT, tokenOf } from "./testdata/collecting.ts";

const DEPLOYMENT = nameTag("uid-1");
const SETTINGS = parseSettings(
  SETTINGS_TEXT.replace(`"metrics":[`, `"metrics":[{"name":"auc","type":"AreaUnderCurve","label":"click"},`),
);
const RETENTION = { requestSeconds: 3_600, maximumRequests: 1_000, evidenceSeconds: 86_400 };

function opened() {
  const store = new Store(":memory:");
  const ledger = new Ledger(store);
  const commit = (work: () => void) =>
    store.transaction(() => {
      work();
      ledger.finish();
    });
  commit(() => ledger.configure(SETTINGS));
  const add = (number: number, seconds: number) => {
    const token = tokenOf(number, { seconds, rows: 1, ...describeRows(1, () => 0.25) });
    const batch = readBatch(batchOf(number, [{ token }]), NOW_SECONDS * 1_000);
    ledger.addBatch(batch, NOW_SECONDS * 1_000);
  };
  const sum = ledger.collected.get(DEPLOYMENT)?.scores[0]?.stored.id ?? Number.NaN;
  const cellsAt = (seconds: number) =>
    store.scores.cells(DEPLOYMENT, blockOf(Math.floor(seconds / 60)).first, sum);
  return { store, ledger, commit, add, cellsAt };
}

test("cells that are older than evidence is kept are forgotten, and younger ones are not", () => {
  const { ledger, commit, add, cellsAt } = opened();
  const [old, young] = [NOW_SECONDS - 90_000, NOW_SECONDS - 3_600];
  commit(() => add(1, old));
  commit(() => add(2, young));
  expect([old, young].map((seconds) => cellsAt(seconds).length)).toEqual([1, 1]);
  commit(() => ledger.sweep(RETENTION, NOW_SECONDS));
  expect([old, young].map((seconds) => cellsAt(seconds).length)).toEqual([0, 1]);
  // Later the young ones are old.
  commit(() => ledger.sweep(RETENTION, NOW_SECONDS + RETENTION.evidenceSeconds));
  expect(cellsAt(young).length).toBe(0);
});

test("a transaction that failed leaves nothing, and what comes again counts once", () => {
  const { store, ledger, commit, add, cellsAt } = opened();
  commit(() => add(1, NOW_SECONDS - 3_600));
  const before = cellsAt(NOW_SECONDS - 3_600);
  const failing = () =>
    store.transaction(() => {
      add(2, NOW_SECONDS - 3_600);
      ledger.finish();
      throw new Error("the disk is full");
    });
  expect(failing).toThrow("the disk is full");
  ledger.abandon();
  expect(cellsAt(NOW_SECONDS - 3_600)).toEqual(before);
  commit(() => add(2, NOW_SECONDS - 3_600));
  const [cell] = cellsAt(NOW_SECONDS - 3_600);
  // The last numbers are of the bin, and of how many answers there were.
  const bytes = Buffer.from(cell?.vector ?? new Uint8Array());
  expect([bytes.readDoubleLE(bytes.length - 16), bytes.readDoubleLE(bytes.length - 8)]).toEqual([2, 2]);
});
