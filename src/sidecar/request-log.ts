/**
 * The requests of the training log, one a line:
 *
 *     {"request":"00112233aabbccdd","time":1795000000.5,"model":"m","revision":"m-1","arm":"Stable","epoch":3,
 *      "status":200,"featureAge":12.5,"rows":50,"drawn":2,"values":{"score":[0.5,0.25,0.75],"price":[1,null,3]}}
 *
 * Values are those of the first rows, and in the end of the drawn one where it is not among them. No user is in it. The
 * request's id is that of its prediction token, where it got one; labels have the same.
 */
import { armName, type TapEvent } from "../tap/tap-event.ts";
import type { TrainingLogSettings } from "../training-log/log-settings.ts";
import { type LogEdges, type ShownLog, TrainingLog } from "../training-log/training-log.ts";
import type { EventSource } from "./observed-model.ts";

/** The log of requests. */
export class RequestLog {
  readonly #log: TrainingLog;
  readonly #onlyWithToken: boolean;

  /** As of a {@link TrainingLog}. */
  constructor(settings: TrainingLogSettings, isFirst: boolean, edges: LogEdges) {
    this.#log = new TrainingLog(settings, "requests", isFirst, edges);
    this.#onlyWithToken = settings.onlyWithToken;
  }

  /** What has become of it so far. */
  get shown(): ShownLog {
    return this.#log.shown;
  }

  /** Takes a request if it is in the sample and there is room. */
  offer(source: EventSource, event: TapEvent): void {
    if (this.#onlyWithToken && !event.hasToken) return;
    this.#log.offer(event.requestId, () => lineOf(source, event));
  }

  /** Writes what waits, and takes it to the bucket as far as that is quick. */
  close(): Promise<void> {
    return this.#log.close();
  }

  /** The same where another log goes on with the folder. */
  handOver(): Promise<void> {
    return this.#log.handOver();
  }
}

function lineOf({ model, revision, columns }: EventSource, event: TapEvent): string {
  const values: Record<string, (number | string | null)[]> = {};
  if (event.describedRows > 0) {
    for (const [index, name] of columns.entries()) {
      values[name] = Array.from({ length: event.describedRows }, (_, row) =>
        jsonValue(event.values[row * event.columns + index] ?? Number.NaN),
      );
    }
  }
  const line = {
    request: Buffer.from(event.requestId).toString("hex"),
    time: event.timeMilliseconds / 1_000,
    model,
    revision,
    arm: armName(event.arm),
    epoch: event.epoch,
    status: event.status,
    featureAge: jsonValue(event.featureAgeSeconds),
    rows: event.rows,
    drawn: event.drawnRow,
    values,
  };
  return `${JSON.stringify(line)}\n`;
}

/** JSON has no number for what is missing, nor for infinity. */
function jsonValue(value: number): number | string | null {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? null : String(value);
}
