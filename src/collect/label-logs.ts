/**
 * The labels of the training logs, one a line:
 *
 *     {"request":"00112233aabbccdd","time":1795000300,"deployment":"ranker","label":"click","value":1,"row":3,
 *      "position":1,"delay":300,"arm":"Stable","epoch":3}
 *
 * A label is offered once it is stored, and only once. Which requests are in the sample follows from their ids, as in
 * the sidecar that logs the requests. No trouble of a log may reach whoever sent the label, and no user is in it.
 */
import { rmSync } from "node:fs";
import { jsonEquals } from "../api/json-equals.ts";
import { errorMessage } from "../core/log.ts";
import { armName } from "../tap/tap-event.ts";
import type { TrainingLogSettings } from "../training-log/log-settings.ts";
import { type LogEdges, type ShownLog, TrainingLog } from "../training-log/training-log.ts";
import type { StoredLabel } from "./feedback.ts";
import type { Settings } from "./settings.ts";

interface KeptLog {
  readonly settings: TrainingLogSettings;
  readonly log: TrainingLog;
}

/** The logs of all deployments of one collector. */
export class LabelLogs {
  readonly #edges: LogEdges;
  readonly #logs = new Map<string, KeptLog>();
  /** Into which this process has written. */
  readonly #folders = new Set<string>();
  /** What still ends, of logs that are kept no more. */
  readonly #ending = new Set<Promise<void>>();

  constructor(edges: LogEdges) {
    this.#edges = edges;
  }

  /** Keeps the logs that the settings name. Those whose settings stay go on. */
  configure({ deployments }: Settings): void {
    const wanted = new Map(deployments.flatMap(({ name, log }) => (log === undefined ? [] : [[name, log]])));
    for (const [name, { settings, log }] of this.#logs) {
      const next = wanted.get(name);
      if (next !== undefined && jsonEquals(next, settings)) continue;
      this.#logs.delete(name);
      this.#end(
        next?.folder === settings.folder
          ? log.handOver()
          : log.close().then(() => this.#removeUnused(settings.folder)),
      );
    }
    for (const [name, settings] of wanted) if (!this.#logs.has(name)) this.#begin(name, settings);
  }

  /** Takes labels that were stored. */
  take(labels: readonly StoredLabel[]): void {
    for (const label of labels) {
      this.#logs.get(label.deployment)?.log.offer(label.token.requestId, () => lineOf(label));
    }
  }

  /** What has become of each so far. */
  shown(): readonly { readonly labels: { readonly model_deployment: string }; readonly log: ShownLog }[] {
    return [...this.#logs].map(([name, { log }]) => ({ labels: { model_deployment: name }, log: log.shown }));
  }

  /** Writes what waits, and takes it to the buckets as far as that is quick. */
  async close(): Promise<void> {
    await Promise.all([...[...this.#logs.values()].map(({ log }) => log.close()), ...this.#ending]);
  }

  #begin(name: string, settings: TrainingLogSettings): void {
    const isFirst = !this.#folders.has(settings.folder);
    try {
      const log = new TrainingLog(settings, "labels", isFirst, this.#edges);
      this.#folders.add(settings.folder);
      this.#logs.set(name, { settings, log });
    } catch (error) {
      // Labels are counted all the same.
      this.#edges.log.error("cannot keep a training log", { error, "petrel.model_deployment": name });
    }
  }

  /** What the bucket has not got by then is gone, unless the log was turned on again meanwhile. */
  #removeUnused(folder: string): void {
    if ([...this.#logs.values()].some(({ settings }) => settings.folder === folder)) return;
    // At once, so that no log begins in between.
    rmSync(folder, { recursive: true, force: true });
    this.#folders.delete(folder);
  }

  #end(ended: Promise<void>): void {
    const told = ended
      .catch((error: unknown) => {
        this.#edges.log.warn("a training log did not end well", { "petrel.reason": errorMessage(error) });
      })
      .finally(() => this.#ending.delete(told));
    this.#ending.add(told);
  }
}

function lineOf({ deployment, label, token, event }: StoredLabel): string {
  const line = {
    request: Buffer.from(token.requestId).toString("hex"),
    time: token.seconds + event.delaySeconds,
    deployment,
    label,
    value: event.value,
    row: event.row ?? null,
    position: event.position ?? null,
    delay: event.delaySeconds,
    arm: armName(token.arm),
    epoch: token.epoch,
  };
  return `${JSON.stringify(line)}\n`;
}
