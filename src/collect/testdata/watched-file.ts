/**
 * A file whose series are watched, with a clock of windows: what tests of the watches share.
 */
import { join } from "node:path";
import { createLogger } from "../../core/log.ts";
import { inFolder } from "../../process/testdata/in-folder.ts";
import { GROUPS } from "../../token/tags.ts";
import { AnomalyWatches, type SeriesFinding, WINDOW_SLOTS } from "../anomaly-watches.ts";
import { SUM } from "../cell-changes.ts";
import { type Collected, collectedFrom } from "../collected-metrics.ts";
import { encodeVector } from "../group-vector.ts";
import { keepServed } from "../kept-service.ts";
import type { SlotRange } from "../router-log.ts";
import { parseSettings } from "../settings.ts";
import { Store } from "../store.ts";
import { SETTINGS_TEXT } from "./collecting.ts";

/** Settings of a deployment that is watched. */
export const WATCHED_TEXT = SETTINGS_TEXT.replace(
  `"labels"`,
  `"anomalies":{"falseAlarmEvery":"168h"},"labels"`,
);
/** Its series. */
export const SERIES = [
  ...["requests", "load", "latency", "errors", "labels"],
  ...["metric:ctr", "metric:conversion", "metric:revenue"],
];
/** An hour of some day, in windows. */
export const START = 12 * 490_000;
/** Number of the arm of a candidate. */
export const CANDIDATE = 1;

/** What is counted in one minute of each window. */
export interface Counted {
  readonly requests: number;
  readonly labels?: number;
  readonly arm?: number;
}

/** What clients got in one minute. */
export interface Told {
  readonly arm: "Stable" | "Candidate";
  readonly requests: number;
  readonly errors: number;
  readonly milliseconds: number;
  readonly latencies: readonly (readonly [number, number])[];
}

/** A file, its watches, and a clock of windows. */
export class World {
  readonly store: Store;
  readonly collected: Collected;
  readonly tag: number;
  readonly doubtful: SlotRange[] = [];
  readonly lines: string[] = [];
  /** Seconds that went by since anything was counted. */
  later = 0;
  counted = START * WINDOW_SLOTS - 1;
  watches: AnomalyWatches;

  constructor(folder: string, text = WATCHED_TEXT) {
    this.store = new Store(join(folder, "evidence.db"));
    this.collected = this.store.transaction(() => collectedFrom(parseSettings(text), this.store, 0, false));
    this.tag = [...this.collected.keys()][0] ?? 0;
    this.watches = this.restarted();
  }

  restarted(): AnomalyWatches {
    const watches = new AnomalyWatches({
      store: this.store,
      counted: () => this.counted,
      doubtful: () => this.doubtful,
      nowSeconds: () => 60 * (this.counted + 1) + this.later,
      log: createLogger({ write: (line) => this.lines.push(line), now: () => 0 }),
    });
    this.store.transaction(() => watches.configure(this.collected));
    this.watches = watches;
    return watches;
  }

  /** Counts the window that follows, without a look. */
  count({ requests, labels = 0, arm = CANDIDATE }: Counted): void {
    const place = { deployment: this.tag, slot: this.counted + 2, epoch: 1, arm };
    const put = (sum: number, total: number) => {
      if (total > 0)
        this.store.putCell({ ...place, sum }, encodeVector(new Float64Array(GROUPS).fill(total / GROUPS)));
    };
    put(SUM.impressions, requests);
    put(SUM.labelledRequests, labels);
    put(SUM.labels, labels);
    const ctr = this.collected.get(this.tag)?.metrics[0]?.arrived.stored.id;
    if (ctr !== undefined) put(ctr, labels);
    this.counted += WINDOW_SLOTS;
  }

  /** Tells what clients got in a minute of the window that is counted next. */
  serve({ arm, latencies, ...counts }: Told): void {
    const minute = { deployment: "ranker", slot: this.counted + 1, arm, ...counts };
    const told = [{ ...minute, latencies: new Map(latencies) }];
    this.store.transaction(() => keepServed(this.store.served, this.collected, told, this.counted + 1));
  }

  look(): void {
    while (this.store.transaction(() => this.watches.step())) {
      // There is more to look at.
    }
  }

  next(counted: Counted): void {
    this.count(counted);
    this.look();
  }

  finding(series: string): SeriesFinding | undefined {
    return [...this.watches.findings()].find((one) => one.series === series);
  }

  memories(): readonly string[] {
    return SERIES.map((series) => this.store.watches.get({ deployment: this.tag, series })?.memory ?? "");
  }
}

/** Does work in a world of its own, whose file is closed in the end. */
export function inWorld(work: (world: World) => void, text?: string): Promise<void> {
  return inFolder(async (folder) => {
    const world = new World(folder, text);
    try {
      work(world);
    } finally {
      world.store.close();
    }
  });
}
