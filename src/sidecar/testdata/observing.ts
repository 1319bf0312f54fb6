/** What tests of the sidecar share: settings, events, a clock that stands, and a sidecar in the process of the test. */
import { join } from "node:path";
import { createLogger } from "../../core/log.ts";
import { inFolder } from "../../process/testdata/in-folder.ts";
import {
  emptyEvent,
  greetingFrame,
  type TapEvent,
  type TapGreeting,
  writeEvent,
} from "../../tap/tap-event.ts";
import { parseSettings, type SidecarSettings } from "../settings.ts";
import { Sidecar } from "../sidecar.ts";

export const OBSERVE = {
  scores: { output: "score", probability: true },
  features: [{ name: "price", input: "features", column: 1, minimum: 0, maximum: 100 }],
  userHeader: "x-user-id",
};

export const GREETING: TapGreeting = {
  version: 1,
  model: "m",
  revision: "m-1",
  columns: ["score", "price"],
  sequence: 0,
};

/** A Tuesday in 2026. */
export const NOW_MILLISECONDS = 1_795_000_000_000;

export function settingsOf(more: Readonly<Record<string, unknown>> = {}): SidecarSettings {
  return parseSettings(JSON.stringify({ observe: OBSERVE, ...more }));
}

/** An event of one row with these values. */
export function eventOf(values: readonly number[], more: Partial<TapEvent> = {}): TapEvent {
  return {
    ...emptyEvent(values.length),
    arm: 0,
    status: 200,
    timeMilliseconds: NOW_MILLISECONDS,
    latencyMilliseconds: 2,
    rows: 1,
    describedRows: 1,
    columns: values.length,
    values: Float64Array.from(values),
    ...more,
  };
}

/** The bytes of a stream with a greeting and these events. */
export function streamOf(events: readonly TapEvent[], greeting = GREETING): Buffer {
  const frames = events.map((event) => {
    const bytes = Buffer.alloc(56 + 8 * event.describedRows * event.columns);
    writeEvent(new DataView(bytes.buffer, bytes.byteOffset), 0, event);
    return bytes;
  });
  return Buffer.concat([greetingFrame(greeting), ...frames]);
}

export interface Observing {
  readonly sidecar: Sidecar;
  readonly folder: string;
  readonly socket: string;
  readonly lines: readonly string[];
  /** Moves the clock on and looks at the windows. */
  readonly pass: (milliseconds: number) => void;
  /** The value of a series, by its name and a part of each of its labels. */
  readonly shown: (
    name: string,
    labels?: Readonly<Record<string, string | number>>,
  ) => Promise<number | undefined>;
}

/** A sidecar that listens, closed in the end. Its clock stands, but for timers, which are those of the machine. */
export function withSidecar<Result>(
  settings: SidecarSettings | ((folder: string) => SidecarSettings),
  work: (observing: Observing) => Promise<Result>,
): Promise<Result> {
  return inFolder(async (folder) => {
    const lines: string[] = [];
    let now = NOW_MILLISECONDS;
    const socket = join(folder, "tap");
    const sidecar = new Sidecar({
      settings: typeof settings === "function" ? settings(folder) : settings,
      socket,
      name: "pod-1",
      clock: {
        now: () => now,
        monotonic: () => now,
        schedule(delay, callback) {
          const timer = setTimeout(callback, delay);
          return () => clearTimeout(timer);
        },
      },
      log: createLogger({ write: (line) => lines.push(line), now: () => now }),
    });
    await sidecar.listen();
    try {
      return await work({
        sidecar,
        folder,
        socket,
        lines,
        pass(milliseconds) {
          now += milliseconds;
          sidecar.model.look();
        },
        async shown(name, labels = {}) {
          const metrics = await sidecar.registry.getMetricsAsJSON();
          const metric =
            metrics.find((one) => one.name === name) ??
            metrics.find((one) => one.name === name.replace(/_(bucket|sum|count)$/, ""));
          const values: readonly { metricName?: string; labels: object; value: unknown }[] =
            metric?.values ?? [];
          const found = values.find(
            (one) =>
              (one.metricName ?? metric?.name) === name &&
              Object.entries(labels).every(([label, value]) => Reflect.get(one.labels, label) === value),
          );
          return typeof found?.value === "number" ? found.value : undefined;
        },
      });
    } finally {
      await sidecar.close();
    }
  });
}

/** Waits for a state. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 5));
}
