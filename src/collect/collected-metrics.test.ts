import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { Ledger } from "./ledger.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";
import { SETTINGS_TEXT } from "./testdata/collecting.ts";

test("a settings file with new metrics reads the sums once, however many there are", async () => {
  await inFolder(async (folder) => {
    const store = new Store(join(folder, "evidence.db"));
    let reads = 0;
    const sums = store.sums.bind(store);
    store.sums = () => {
      reads++;
      return sums();
    };
    const ledger = new Ledger(store);
    store.transaction(() => ledger.configure(parseSettings(SETTINGS_TEXT)));
    expect(reads).toBe(1);
    const [deployment] = ledger.collected.values();
    const collected = deployment?.sums.map(({ stored }) => stored) ?? [];
    // Each of the three metrics has two.
    expect(collected).toHaveLength(6);
    expect(sums()).toEqual(collected);
    store.close();
  });
});
