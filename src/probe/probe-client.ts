/**
 * Sends one request and tells how it ended. An answer that does not come in time, or not whole, is none.
 */
import { Agent, request } from "node:http";
import type { Clock } from "../core/clock.ts";
import { faultFlagOf, type WitnessAnswer } from "../faults/fault.ts";
import { FAULT_HEADER } from "../render/envoy/drill.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";

/** Whom to ask, and what. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly body: Buffer;
}

/** How a request ended. */
export interface ProbeAnswer extends WitnessAnswer {
  /** From the moment at which it was sent. */
  readonly milliseconds: number;
  /** Pool that answered; absent where the answer does not tell. */
  readonly pool?: string;
  /** Revision of the server that answered; absent where none did. */
  readonly revision?: string;
}

/** How requests come: each on a connection of its own, or every second one, as from clients of which some keep theirs. */
export type Connections = "Own" | "Mixed";

/** Sends requests. What comes on a connection of its own may get to any router; what is kept leads to one. */
export class ProbeClient {
  readonly #target: ProbeTarget;
  readonly #clock: Clock;
  /** Without a limit: one that waits for a connection would not be sent at its time. */
  readonly #kept = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #fresh = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  /** Of the mixed ones. */
  #mixed = 0;

  constructor(target: ProbeTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
  }

  /** Never rejects: what fails has no status. */
  send(drill: string, timeoutMilliseconds: number, connections: Connections): Promise<ProbeAnswer> {
    const { host, port, path, body } = this.#target;
    const start = this.#clock.monotonic();
    const agent = this.#agentFor(connections);
    const headers = {
      "content-type": "application/json",
      "content-length": body.length,
      [PETREL_HEADER.drill]: drill,
    };
    return new Promise((resolve) => {
      const end = (answer: Omit<ProbeAnswer, "milliseconds">) => {
        cancel();
        resolve({ ...answer, milliseconds: this.#clock.monotonic() - start });
      };
      const call = request({ host, port, path, method: "POST", agent, headers }, (response) => {
        const { statusCode, headers } = response;
        const pool = headers[PETREL_HEADER.pool];
        const revision = headers[PETREL_HEADER.revision];
        response.on("error", () => end({}));
        response.on("end", () =>
          end({
            ...(statusCode === undefined ? {} : { status: statusCode }),
            ...(typeof pool === "string" ? { pool } : {}),
            ...(typeof revision === "string" ? { revision } : {}),
            ...faultFlagOf(headers[FAULT_HEADER]),
          }),
        );
        response.resume();
      });
      const cancel = this.#clock.schedule(timeoutMilliseconds, () => {
        end({});
        call.destroy();
      });
      call.on("error", () => end({}));
      call.end(body);
    });
  }

  #agentFor(connections: Connections): Agent {
    if (connections === "Own") return this.#fresh;
    this.#mixed += 1;
    return this.#mixed % 2 === 0 ? this.#kept : this.#fresh;
  }

  /** Ends all connections. */
  close(): void {
    this.#kept.destroy();
    this.#fresh.destroy();
  }
}
