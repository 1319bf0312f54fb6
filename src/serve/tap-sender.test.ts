/** That the tap costs a request nothing but its bytes, whatever its consumer does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { emptyEvent, type TapEvent } from "../tap/tap-event.ts";
import { TapSender } from "./tap-sender.ts";
import { startConsumer } from "./testdata/tap-consumer.ts";

const cleanups: (() => unknown)[] = [];
const lines: string[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  lines.length = 0;
});

function sending(path: string): TapSender {
  const sender = new TapSender({
    path,
    model: "m",
    revision: "m-1",
    columns: ["score", "price"],
    clock: systemClock,
    log: createLogger({ write: (line) => lines.push(line), now: Date.now }),
  });
  cleanups.push(() => sender.stop());
  sender.start();
  return sender;
}

function event(rows = 1): TapEvent {
  return { ...emptyEvent(2 * rows), rows, describedRows: rows, columns: 2 };
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("greets, and tells every event in its order", () =>
  inFolder(async (folder) => {
    const consumer = await startConsumer(join(folder, "tap"));
    cleanups.push(consumer.close);
    const sender = sending(join(folder, "tap"));
    await until(() => sender.takesEvents);
    for (let count = 0; count < 5_000; count++) sender.send(event(1 + (count % 3)));
    await until(() => consumer.events.length === 5_000);
    expect(consumer.greetings).toEqual([
      { version: 1, model: "m", revision: "m-1", columns: ["score", "price"], sequence: 0 },
    ]);
    expect(consumer.events.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 5_000 }, (_, index) => index),
    );
    await until(() => sender.sent === 5_000);
    expect(sender.dropped).toBe(0);
  }));

test("without a consumer everything is dropped and counted, and the reason is said once", () =>
  inFolder(async (folder) => {
    const sender = sending(join(folder, "tap"));
    await until(() => lines.length > 0);
    expect(sender.takesEvents).toBe(false);
    sender.skip();
    for (let count = 0; count < 1_000; count++) sender.send(event());
    expect([sender.sent, sender.dropped]).toEqual([0, 1_001]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(lines.filter((line) => line.includes("no sidecar"))).toHaveLength(1);
  }));

test(
  "a consumer that reads nothing gets what fits and no more",
  () =>
    inFolder(async (folder) => {
      const consumer = await startConsumer(join(folder, "tap"), false);
      cleanups.push(consumer.close);
      const sender = sending(join(folder, "tap"));
      await until(() => sender.takesEvents);
      const memory = process.memoryUsage.rss();
      const large = event(60);
      for (let count = 0; count < 100_000; count++) {
        if (sender.takesEvents) sender.send(large);
        else sender.skip();
        if (count % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(sender.takesEvents).toBe(false);
      // A hundred megabytes were offered: 2 MiB wait here, and what the kernel took is below a megabyte.
      expect(sender.dropped).toBeGreaterThan(90_000);
      expect(process.memoryUsage.rss() - memory).toBeLessThan(64 * 2 ** 20);
      expect(sender.isConnected).toBe(true);
    }),
  60_000,
);

test("a consumer that comes back is told where the count stands", () =>
  inFolder(async (folder) => {
    const path = join(folder, "tap");
    const first = await startConsumer(path);
    const sender = sending(path);
    await until(() => sender.takesEvents);
    sender.send(event());
    await until(() => first.events.length === 1);
    await first.close();
    await until(() => !sender.isConnected);
    for (let count = 0; count < 3; count++) sender.skip();
    const second = await startConsumer(path);
    cleanups.push(second.close);
    await until(() => sender.takesEvents);
    sender.send(event());
    await until(() => second.events.length === 1);
    expect(second.greetings[0]?.sequence).toBe(4);
    expect(second.events[0]?.sequence).toBe(4);
    expect([sender.sent, sender.dropped]).toEqual([2, 3]);
  }));

test(
  "a consumer that is killed loses what was on its way, and nothing else happens",
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "tap");
      const program = `require("net").createServer((s) => s.resume()).listen(${JSON.stringify(path)}, () => console.log("up"))`;
      const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
      cleanups.push(() => child.kill("SIGKILL"));
      await once(child.stdout, "data");
      const sender = sending(path);
      await until(() => sender.takesEvents);
      let offered = 0;
      while (sender.isConnected) {
        for (let count = 0; count < 100; count++) sender.send(event());
        offered += 100;
        if (offered === 5_000) child.kill("SIGKILL");
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => sender.sent + sender.dropped === offered);
      expect(sender.sent).toBeGreaterThan(0);
      expect(sender.takesEvents).toBe(false);
    }),
  60_000,
);
