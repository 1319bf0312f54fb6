/** The program as a process: that it starts, shows, is killed and comes back, and ends. */
import { writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";

import { connect, createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { portOf } from "./testdata/inline.ts";
import { eventOf, OBSERVE, streamOf, until } from "./testdata/observing.ts";
import { startSidecar as start, startWatched, startWith } from "./testdata/sidecar-process.ts";

test(
  "observes, is killed, observes again at the same socket, and ends when it is asked to",
  () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe: OBSERVE }));
      const socket = join(folder, "tap");
      for (const signal of ["SIGKILL", "SIGTERM"] as const) {
        const sidecar = await start(folder, `--tap-socket=${socket}`);
        const client = connect(socket);
        client.on("error", () => {});
        client.write(streamOf([eventOf([0.5, 1])]));
        const shown = async (path: string) => await (await fetch(`${sidecar.metrics}${path}`)).text();
        await until(async () => (await shown("/metrics")).includes("petrel_sidecar_events_total 1"));
        expect(await shown("/readyz")).toBe("ok\n");
        expect(await shown("/healthz")).toBe("ok\n");
        expect(await sidecar.end(signal)).toBe(signal === "SIGTERM" ? 0 : signal);
        client.destroy();
      }
    }),
  60_000,
);

test.each([
  ["{}", "expected observe to be an object, got nothing"],
  [JSON.stringify({ observe: OBSERVE, drift: { reference: { file: "/nowhere/at/all" } } }), "ENOENT"],
])(
  "does not start with the settings %s, and says why",
  (text, message) =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, "settings.json"), text);
      await expect(start(folder, `--tap-socket=${join(folder, "tap")}`)).rejects.toThrow(
        new RegExp(`ended with 1: .*${message}`),
      );
    }),
  60_000,
);

test(
  "does not start where it would observe nothing",
  () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe: OBSERVE }));
      await expect(start(folder)).rejects.toThrow(
        "expected --tap-socket, --rest-upstream or --grpc-upstream",
      );
    }),
  60_000,
);

test("does not start with a socket and no settings", async () => {
  await expect(startWith(["--tap-socket=/run/nobody/listens"], () => {})).rejects.toThrow(
    "expected --settings with --tap-socket",
  );
}, 60_000);

test(
  "before a runtime it passes requests whatever is wrong with its settings, and observes once it can",
  () =>
    inFolder(async (folder) => {
      const runtime = createHttpServer((request, response) => {
        request.resume().on("end", () => response.end('{"outputs":[]}'));
      });
      await new Promise<void>((resolve) => runtime.listen(0, "127.0.0.1", resolve));
      const file = join(folder, "settings.json");
      const reference = join(folder, "reference.ndjson");
      writeFileSync(file, JSON.stringify({ observe: OBSERVE, drift: { reference: { file: reference } } }));
      const sidecar = await start(
        folder,
        `--rest-upstream=http://127.0.0.1:${portOf(runtime)}`,
        "--rest-port=0",
        `--token-keys=${join(folder, "no-key.json")}`,
      );
      const shown = async (line: string) =>
        (await (await fetch(`${sidecar.metrics}/metrics`)).text()).split("\n").includes(line);
      const ask = async () =>
        (await fetch(`${sidecar.rest}/v2/models/m/infer`, { method: "POST", body: '{"inputs":[]}' })).status;
      try {
        expect(await ask()).toBe(200);
        expect(await shown("petrel_sidecar_configuration_valid 0")).toBe(true);
        expect(await shown('petrel_sidecar_tokens_total{outcome="unassigned"} 1')).toBe(true);
        expect(await shown('petrel_sidecar_shadow_reports_total{outcome="sent"} 0')).toBe(true);
        await until(() => shown('petrel_model_requests_total{model_revision="",arm="None",code="2xx"} 1'));
        const values = Array.from({ length: 200 }, (_, index) => ({ score: [index / 200], price: [index] }));
        const lines = values.map((line) => JSON.stringify({ drawn: 0, values: line }));
        writeFileSync(reference, `${lines.join("\n")}\n`);
        await until(() => shown("petrel_sidecar_configuration_valid 1"));
        expect(await ask()).toBe(200);
      } finally {
        runtime.close();
        expect(await sidecar.end("SIGTERM")).toBe(0);
      }
    }),
  60_000,
);

test("a request under way when it is asked to end is answered, and then it ends", async () => {
  const arrived = Promise.withResolvers<() => void>();
  const runtime = createHttpServer((request, response) => {
    request.resume().on("end", () => arrived.resolve(() => response.end('{"outputs":[]}')));
  });
  await new Promise<void>((resolve) => runtime.listen(0, "127.0.0.1", resolve));
  const sidecar = await startWith(
    [`--rest-upstream=http://127.0.0.1:${portOf(runtime)}`, "--rest-port=0"],
    () => {},
  );
  const answer = fetch(`${sidecar.rest}/v2/models/m/infer`, { method: "POST", body: "{}" });
  const finish = await arrived.promise;
  const ended = sidecar.end("SIGTERM");
  await until(async () => (await fetch(`${sidecar.metrics}/readyz`)).status === 503);
  finish();
  expect(await (await answer).json()).toEqual({ outputs: [] });
  expect(await ended).toBe(0);
  runtime.close();
}, 60_000);

/** A port that somebody else has. */
async function withTakenPort(work: (port: number) => Promise<void>): Promise<void> {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  try {
    await work(portOf(other));
  } finally {
    other.close();
  }
}

test(
  "ends where its port is taken, though it listens at its socket already",
  () =>
    inFolder((folder) =>
      withTakenPort(async (port) => {
        writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe: OBSERVE }));
        await expect(
          start(folder, `--tap-socket=${join(folder, "tap")}`, `--metrics-port=${port}`),
        ).rejects.toThrow(/ended with 1: .*EADDRINUSE/);
      }),
    ),
  60_000,
);

test(
  "outlives its failures where it is told to, and observes once nothing is wrong any more",
  () =>
    inFolder(async (folder) => {
      const file = join(folder, "settings.json");
      writeFileSync(file, "{}");
      const options = [`--tap-socket=${join(folder, "tap")}`, "--outlive-failures"];
      let failures = 0;
      const sidecar = await startWatched(folder, options, (line) => {
        if (!line.includes("begins anew")) return;
        failures++;
        if (failures === 2) writeFileSync(file, JSON.stringify({ observe: OBSERVE }));
      });
      expect(failures).toBe(2);
      expect(await (await fetch(`${sidecar.metrics}/readyz`)).text()).toBe("ok\n");
      expect(await sidecar.end("SIGTERM")).toBe(0);
    }),
  60_000,
);
