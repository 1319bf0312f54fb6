/** The sidecar as a process beside a real model server: what it shows, and that its end and its hanging reach nobody. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { infer, MLP_REQUEST } from "../serve/testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "../serve/testdata/server.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { until } from "./testdata/observing.ts";
import { startSidecar } from "./testdata/sidecar-process.ts";

jest.setTimeout(120_000);

const OBSERVE = {
  scores: { output: "score", probability: true },
  features: [{ name: "third", input: "features", column: 2 }],
};

async function seriesValue(url: string, series: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.split(" ").at(-1));
}

function beside(
  work: (server: TestServer, start: () => ReturnType<typeof startSidecar>) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe: OBSERVE }));
    const socket = join(folder, "tap");
    const server = await startReadyServer("mlp", {
      modelRevision: "m-1",
      tap: { socket, observed: parseObserved(OBSERVE) },
    });
    try {
      await work(server, () => startSidecar(folder, `--tap-socket=${socket}`));
    } finally {
      await server.close();
    }
  });
}

const SENT = 'petrel_serve_tap_events_total{result="sent"}';

test("killed, hung and gone, it costs no request; back, it observes again", () =>
  beside(async (server, start) => {
    const isConnected = async (is: 0 | 1) =>
      (await seriesValue(server.metricsUrl, "petrel_serve_tap_connected")) === is;
    const ask = async (count: number) => {
      for (let index = 0; index < count; index++) expect((await infer(server, MLP_REQUEST)).status).toBe(200);
    };
    await ask(5);
    const first = await start();
    await until(() => isConnected(1));
    await ask(20);
    const events = (metrics: string) => seriesValue(`${metrics}/metrics`, "petrel_sidecar_events_total");
    await until(async () => (await events(first.metrics)) === 20);
    const third = 'petrel_model_value_sum{model_revision="m-1",arm="None",column="third"}';
    expect(await seriesValue(`${first.metrics}/metrics`, third)).toBe(60);
    // It hangs: nothing is read any more.
    first.child.kill("SIGSTOP");
    await ask(20);
    expect(await first.end("SIGKILL")).toBe("SIGKILL");
    await until(() => isConnected(0));
    await ask(20);
    const second = await start();
    await until(() => isConnected(1));
    await ask(20);
    await until(async () => (await events(second.metrics)) === 20);
    expect(await seriesValue(`${second.metrics}/metrics`, "petrel_sidecar_events_missed_total")).toBe(0);
    expect(await seriesValue(server.metricsUrl, SENT)).toBeGreaterThanOrEqual(40);
    expect(await second.end("SIGTERM")).toBe(0);
  }));
