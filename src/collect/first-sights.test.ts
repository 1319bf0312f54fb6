/**
 * Who counts as seen for the first time: once in an epoch, after keys are everywhere, and no more than fit.
 */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { KEY_DELAY_SLOTS } from "../token/slot.ts";
import { FirstSights, MAXIMUM_EPOCHS, MAXIMUM_SIGHTS } from "./first-sights.ts";
import { Store } from "./store.ts";

const user = (number: number) => {
  const tag = Buffer.alloc(6);
  tag.writeUInt32BE(number, 2);
  return tag;
};
const SLOT = 1_000;
const SETTLED = SLOT + KEY_DELAY_SLOTS;
const at = (slot: number, arm: number, epoch = 1, deployment = 1) => ({
  deployment,
  slot,
  epoch,
  arm,
  group: 0,
});

/** Work on the table of a file, in one transaction each. */
function withTable(work: (transaction: <Result>(run: () => Result) => Result, store: Store) => void) {
  return inFolder(async (folder) => {
    const store = new Store(join(folder, "evidence.db"));
    try {
      work((run) => store.transaction(run), store);
    } finally {
      store.close();
    }
  });
}

test("each user counts once in an epoch, in whatever arm", () =>
  withTable((transaction, store) =>
    transaction(() => {
      const sights = new FirstSights(store.sights);
      sights.isFirst(at(SLOT, 1), user(1));
      const first = [0, 1, 0].map((arm) => sights.isFirst(at(SETTLED, arm), user(2)));
      expect(first).toEqual([true, false, false]);
      sights.isFirst(at(SLOT, 1, 2), user(1));
      expect(sights.isFirst(at(SETTLED, 1, 2), user(2))).toBe(true);
      expect(sights.isFirst(at(SETTLED, 1, 2, 9), user(2))).toBe(false);
    }),
  ));

test("nobody counts before another arm than stable has had its keys for a while", () =>
  withTable((transaction, store) =>
    transaction(() => {
      const sights = new FirstSights(store.sights);
      expect(sights.isFirst(at(SETTLED + 50, 0), user(1))).toBe(false);
      expect(sights.isFirst(at(SLOT, 1), user(2))).toBe(false);
      expect(sights.isFirst(at(SETTLED - 1, 0), user(1))).toBe(false);
      // Who was seen too early counts with the next sight.
      expect([user(1), user(2)].map((tag) => sights.isFirst(at(SETTLED, 0), tag))).toEqual([true, true]);
    }),
  ));

test("it goes on after a start anew, and a transaction that failed has counted nobody", () =>
  withTable((transaction, store) => {
    const sights = new FirstSights(store.sights);
    transaction(() => {
      sights.isFirst(at(SLOT, 1), user(1));
      sights.isFirst(at(SETTLED, 1), user(1));
      sights.finish();
    });
    expect(() =>
      transaction(() => {
        expect(sights.isFirst(at(SETTLED, 0), user(2))).toBe(true);
        throw new Error("the disk is full");
      }),
    ).toThrow("the disk is full");
    sights.abandon();
    for (const anew of [sights, new FirstSights(store.sights)]) {
      transaction(() => {
        expect(anew.isFirst(at(SETTLED, 1), user(1))).toBe(false);
      });
    }
    expect(transaction(() => sights.isFirst(at(SETTLED, 0), user(2)))).toBe(true);
    expect(store.sights.epochs()).toEqual([{ deployment: 1, epoch: 1, fromSlot: SETTLED, sights: 1 }]);
  }));

test("of an epoch a bounded number counts", () =>
  withTable((transaction, store) => {
    transaction(() =>
      store.sights.putEpoch({ deployment: 1, epoch: 1, fromSlot: 0, sights: MAXIMUM_SIGHTS - 1 }),
    );
    const sights = new FirstSights(store.sights);
    transaction(() => {
      expect([1, 2, 3].map((number) => sights.isFirst(at(SLOT, 0), user(number)))).toEqual([
        true,
        false,
        false,
      ]);
    });
  }));

test("of a deployment the newest epochs count, and what is left is forgotten bit by bit", () =>
  withTable((transaction, store) => {
    const sights = new FirstSights(store.sights);
    const users = 1_500;
    transaction(() => {
      for (let epoch = 2; epoch <= MAXIMUM_EPOCHS + 1; epoch++) sights.isFirst(at(SLOT, 1, epoch), user(1));
      for (let number = 0; number < users; number++) sights.isFirst(at(SETTLED, 1, 2), user(number));
      // Older than all that are kept.
      sights.isFirst(at(SLOT, 1, 1), user(1));
      expect(sights.isFirst(at(SETTLED, 1, 1), user(7))).toBe(false);
      sights.finish();
    });
    expect(transaction(() => sights.sweep(() => true))).toBe(false);
    transaction(() => {
      sights.isFirst(at(SLOT, 1, MAXIMUM_EPOCHS + 2), user(1));
      expect(sights.isFirst(at(SETTLED, 1, 2), user(users))).toBe(false);
      sights.finish();
    });
    expect(store.sights.epochs().map(({ epoch }) => epoch)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    const sweeps = () => transaction(() => sights.sweep(() => true));
    expect([sweeps(), sweeps(), sweeps()]).toEqual([true, true, false]);
    // Of a deployment that is not collected any more nothing is kept.
    transaction(() => sights.sweep(() => false));
    expect(store.sights.epochs()).toEqual([]);
  }));
