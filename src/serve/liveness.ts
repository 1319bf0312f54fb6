/**
 * Starts the {@link LivenessThreadData thread} that answers whether the process is alive, and tells it that the
 * main thread turns.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { LivenessReply, LivenessThreadData } from "./liveness-message.ts";

/** How often the main thread says that it turns. */
const HEARTBEAT_MILLISECONDS = 500;

/** Liveness of this process. */
export class Liveness {
  readonly #clock: Clock;
  readonly #heartbeat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #maximumSilenceMilliseconds: number;
  #worker: Worker | undefined;
  #cancelBeat: (() => void) | undefined;

  constructor(clock: Clock, maximumSilenceMilliseconds: number) {
    this.#clock = clock;
    this.#maximumSilenceMilliseconds = maximumSilenceMilliseconds;
  }

  /**
   * Starts to listen and gives the port.
   *
   * @throws {Error} when the port is taken.
   */
  listen(host: string, port: number): Promise<number> {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const workerData: LivenessThreadData = {
      host,
      port,
      heartbeat: this.#heartbeat,
      maximumSilenceMilliseconds: this.#maximumSilenceMilliseconds,
    };
    const worker = new Worker(new URL(`./liveness-thread.${extension}`, import.meta.url), {
      workerData,
      name: "liveness",
    });
    this.#worker = worker;
    this.#beat();
    return new Promise((resolve, reject) => {
      worker.once("message", (reply: LivenessReply) => {
        if (reply.type === "Listening") {
          resolve(reply.port);
        } else {
          reject(new Error(reply.message));
        }
      });
      worker.once("error", reject);
    });
  }

  /** Stops. */
  async close(): Promise<void> {
    this.#cancelBeat?.();
    await this.#worker?.terminate();
  }

  #beat(): void {
    Atomics.add(new Int32Array(this.#heartbeat), 0, 1);
    this.#cancelBeat = this.#clock.schedule(HEARTBEAT_MILLISECONDS, () => this.#beat());
  }
}
