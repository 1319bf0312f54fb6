/**
 * An open-loop prober: it sends requests at a constant rate whatever comes back, so that a server that stops
 * answering cannot slow its own examination down.
 *
 * A time-out, a broken connection and a status that is not 200 are failures. Half of the requests use a fresh
 * connection each, as clients without a pool do. It is bounded in time and in requests under way.
 */
import { Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";

/** What to send, and how fast. */
export interface ProbeOptions {
  /** With `https`, `tls` is needed. */
  readonly url: string;
  /** Whose certificates (PEM) are trusted, and the name that the server must prove to have. */
  readonly tls?: { readonly ca: string; readonly servername: string };
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly ratePerSecond: number;
  /** A request that has no whole answer by then has failed. */
  readonly timeoutMilliseconds: number;
}

/** One request that failed. */
export interface ProbeFailure {
  /** When it was sent, in milliseconds since the start of the probe. */
  readonly atMilliseconds: number;
  /** On a connection of its own, or on one that was there before. */
  readonly isFresh: boolean;
  readonly reason: string;
}

/** What a probe has seen. */
export interface ProbeReport {
  readonly sent: number;
  readonly succeeded: number;
  readonly failures: readonly ProbeFailure[];
  /** Latencies of successful requests in milliseconds, in the order of sending. */
  readonly latenciesMilliseconds: readonly number[];
}

/** A probe under way. */
export interface Probe {
  /** Milliseconds since the start. */
  elapsedMilliseconds(): number;
  /** What has been seen so far. */
  report(): ProbeReport;
  /** Sends no more, waits for the requests under way, and gives the whole report. */
  stop(): Promise<ProbeReport>;
}

/** Most requests under way at once; a further one is counted as failed rather than sent. */
const MAXIMUM_UNDER_WAY = 2_000;
/** A probe ends by itself after so long. */
const MAXIMUM_DURATION_MILLISECONDS = 15 * 60_000;

/** Starts probing. */
export function startProbe(options: ProbeOptions): Probe {
  const kept = { keepAlive: true, maxSockets: 64 };
  const keepAlive = options.tls === undefined ? new PlainAgent(kept) : new TlsAgent(kept);
  const startedAt = performance.now();
  const failures: ProbeFailure[] = [];
  const latenciesMilliseconds: number[] = [];
  const underWay = new Set<Promise<void>>();
  let sent = 0;

  const sendOne = () => {
    const atMilliseconds = performance.now() - startedAt;
    const isFresh = sent % 2 === 0;
    sent += 1;
    if (underWay.size >= MAXIMUM_UNDER_WAY) {
      failures.push({ atMilliseconds, isFresh, reason: "too many requests under way" });
      return;
    }
    const exchange = sendRequest(options, isFresh ? undefined : keepAlive).then(
      (latency) => void latenciesMilliseconds.push(latency),
      (error: Error) => void failures.push({ atMilliseconds, isFresh, reason: error.message }),
    );
    underWay.add(exchange);
    void exchange.finally(() => underWay.delete(exchange));
  };
  // A late timer sends what is due, so that the rate holds on a busy machine.
  const timer = setInterval(() => {
    const elapsed = performance.now() - startedAt;
    if (elapsed > MAXIMUM_DURATION_MILLISECONDS) clearInterval(timer);
    const due = Math.floor((elapsed / 1000) * options.ratePerSecond);
    while (sent < due) sendOne();
  }, 5);

  const report = (): ProbeReport => ({
    sent,
    succeeded: latenciesMilliseconds.length,
    failures: [...failures],
    latenciesMilliseconds: [...latenciesMilliseconds],
  });
  return {
    elapsedMilliseconds: () => performance.now() - startedAt,
    report,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      keepAlive.destroy();
      return report();
    },
  };
}

/**
 * Sends one request, on a connection of its own unless an agent is given. Resolves with its latency in milliseconds; rejects
 * with why it failed.
 */
export function sendRequest(options: ProbeOptions, agent?: PlainAgent): Promise<number> {
  const sentAt = performance.now();
  const request = options.tls === undefined ? plainRequest : tlsRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      options.url,
      {
        method: "POST",
        ...(agent === undefined ? { agent: false } : { agent }),
        ...options.tls,
        headers: {
          ...options.headers,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(options.body),
        },
        signal: AbortSignal.timeout(options.timeoutMilliseconds),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(performance.now() - sentAt);
          else
            reject(
              new Error(`status ${response.statusCode}: ${Buffer.concat(chunks).toString().slice(0, 200)}`),
            );
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

/** The value below which a share of the latencies lies; NaN for none. */
export function quantile(latenciesMilliseconds: readonly number[], share: number): number {
  const sorted = latenciesMilliseconds.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
