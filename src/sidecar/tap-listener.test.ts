/** That the socket takes what model servers say, and nothing else. */
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { greetingFrame } from "../tap/tap-event.ts";
import { TapListener } from "./tap-listener.ts";
import { eventOf, GREETING, settingsOf, streamOf, until, withSidecar } from "./testdata/observing.ts";

/** Sends bytes and says whether the other end ended the connection. */
function client(socket: string): Socket & { isEnded: boolean } {
  const connected = Object.assign(connect(socket), { isEnded: false });
  connected.on("error", () => {});
  connected.on("close", () => {
    connected.isEnded = true;
  });
  return connected;
}

test("events of a stream are counted, and those that the sender dropped", () =>
  withSidecar(settingsOf(), async ({ sidecar, socket, shown }) => {
    const sender = client(socket);
    const events = [0, 1, 5, 6].map((sequence) => eventOf([0.5, 1], { sequence }));
    sender.write(streamOf(events));
    await until(() => sidecar.model.events === 4);
    expect(await shown("petrel_sidecar_events_missed_total")).toBe(3);
    expect(await shown("petrel_sidecar_tap_connections")).toBe(1);
    sender.end();
    await until(async () => (await shown("petrel_sidecar_tap_connections")) === 0);
  }));

test("what was dropped while nobody listened is not missed here", () =>
  withSidecar(settingsOf(), async ({ sidecar, socket, shown }) => {
    client(socket).write(streamOf([eventOf([0.5, 1], { sequence: 70 })], { ...GREETING, sequence: 70 }));
    await until(() => sidecar.model.events === 1);
    expect(await shown("petrel_sidecar_events_missed_total")).toBe(0);
  }));

const EVENT = streamOf([eventOf([0.5, 1])]).subarray(greetingFrame(GREETING).length);
test.each([
  ["an event before the greeting", EVENT],
  [
    "a greeting of another version",
    Buffer.from(streamOf([]).toString("latin1").replace('"version":1', '"version":9'), "latin1"),
  ],
  ["two greetings", Buffer.concat([streamOf([]), streamOf([])])],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
  ["a frame of an unknown kind", Buffer.concat([streamOf([]), Buffer.from([4, 0, 0, 0, 9, 0, 0, 0])])],
  ["an event that is cut", Buffer.concat([streamOf([]), Buffer.from([4, 0, 0, 0, 2, 0, 0, 0])])],
])("a connection with %s is ended, and the next is taken", (_, bytes) =>
  withSidecar(settingsOf(), async ({ sidecar, socket, shown, lines }) => {
    const bad = client(socket);
    bad.write(bytes);
    await until(() => bad.isEnded);
    expect(await shown("petrel_sidecar_tap_malformed_total")).toBe(1);
    expect(lines.join("")).toContain("says what no model server says");
    client(socket).write(streamOf([eventOf([0.5, 1])]));
    await until(() => sidecar.model.events === 1);
  }),
);

test(
  "noise neither ends the sidecar nor is counted as requests without end",
  () =>
    withSidecar(settingsOf(), async ({ sidecar, socket }) => {
      let state = 7;
      const random = () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state;
      };
      for (let round = 0; round < 40; round++) {
        const bytes = streamOf(Array.from({ length: 20 }, (_, sequence) => eventOf([0.5, 1], { sequence })));
        const start = round % 2 === 0 ? greetingFrame(GREETING).length : 0;
        for (let change = 0; change < 8; change++) {
          bytes[start + (random() % (bytes.length - start))] = random() & 255;
        }
        const noisy = client(socket);
        noisy.end(bytes);
        await until(() => noisy.isEnded);
      }
      expect(sidecar.model.events).toBeLessThanOrEqual(40 * 20);
      expect(sidecar.model.arms.length).toBeLessThanOrEqual(16);
      client(socket).write(streamOf([eventOf([0.5, 1])]));
      const before = sidecar.model.events;
      await until(() => sidecar.model.events > before);
    }),
  60_000,
);

test("more connections than a pod has are refused", () =>
  withSidecar(settingsOf(), async ({ socket, shown }) => {
    const clients = Array.from({ length: 12 }, () => client(socket));
    await until(() => clients.filter(({ isEnded }) => isEnded).length === 4);
    expect(await shown("petrel_sidecar_tap_connections")).toBe(8);
    for (const one of clients) one.destroy();
  }));

test("a socket that a killed sidecar left is taken over, a file is not", () =>
  inFolder(async (folder) => {
    const log = createLogger({ write: () => {}, now: Date.now });
    const listen = (path: string) => {
      const listener = new TapListener(path, log, () => () => {});
      return listener.listen().then(() => listener);
    };
    const path = join(folder, "tap");
    const first = await listen(path);
    const second = await listen(path);
    await first.close();
    await second.close();
    writeFileSync(join(folder, "file"), "");
    await expect(listen(join(folder, "file"))).rejects.toThrow("expected a Unix socket or nothing at");
  }));
