/**
 * The accounting of a download, attempt by attempt, on a source that does exactly what a script says.
 */
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { systemClock } from "../core/clock.ts";
import { type OpenRequest, SourceError } from "../sources/model-source.ts";
import { type Download, download } from "./download.ts";
import { MAX_ATTEMPTS, MAX_FAILURES_WITHOUT_PROGRESS } from "./retry-schedule.ts";

/** One attempt: how many more bytes it gives, and whether it then breaks. */
interface Attempt {
  readonly bytes: number;
  readonly breaks: boolean;
  readonly validator?: string;
}

/** A source that knows all its attempts, and what it was asked for. */
function scriptedDownload(script: (attempt: number) => Attempt, options: Partial<Download> = {}) {
  const opened: (number | undefined)[] = [];
  const received: number[] = [];
  let sizeBytes = 0;
  const done = download({
    source: {
      async open({ resume }: OpenRequest) {
        opened.push(resume?.offsetBytes);
        const { bytes, breaks, validator } = script(opened.length);
        async function* body() {
          if (bytes > 0) yield new Uint8Array(bytes);
          if (breaks) throw brokenLine();
        }
        return { body: body(), offsetBytes: resume?.offsetBytes ?? 0, totalBytes: undefined, validator };
      },
    },
    url: new URL("http://example.com/model"),
    shown: "http://example.com/model",
    sink: {
      get sizeBytes() {
        return sizeBytes;
      },
      async write(chunk) {
        sizeBytes += chunk.byteLength;
      },
      async restart() {
        sizeBytes = 0;
      },
    },
    maxBytes: 1_000_000,
    patience: { openMilliseconds: 5_000, idleMilliseconds: 5_000 },
    signal: new AbortController().signal,
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
    onProgress: (bytes) => received.push(bytes),
    ...options,
  });
  return { done, opened, received };
}

function brokenLine(): SourceError {
  return new SourceError({ message: "broken", expected: "all", found: "ECONNRESET", terminal: false });
}

test("goes on from every break where the source names a validator", async () => {
  const { done, opened, received } = scriptedDownload((attempt) => ({
    bytes: 10,
    breaks: attempt < 4,
    validator: "v",
  }));
  await done;
  expect(opened).toEqual([undefined, 10, 20, 30]);
  expect(received).toEqual([10, 20, 30, 40]);
});

test("starts again from every break where it names none", async () => {
  const { done, opened, received } = scriptedDownload((attempt) => ({ bytes: 10, breaks: attempt < 3 }));
  await done;
  expect(opened).toEqual([undefined, undefined, undefined]);
  expect(received).toEqual([10, 10, 10]);
});

test("gives up after the bound of failures without a new byte", async () => {
  const { done, opened } = scriptedDownload(() => ({ bytes: 0, breaks: true, validator: "v" }));
  await expect(done).rejects.toMatchObject({ terminal: false, found: "ECONNRESET" });
  expect(opened).toHaveLength(MAX_FAILURES_WITHOUT_PROGRESS);
});

test("counts the same bytes once: starting again is no progress", async () => {
  const { done, opened } = scriptedDownload(() => ({ bytes: 10, breaks: true }));
  await expect(done).rejects.toMatchObject({ terminal: false });
  expect(opened).toHaveLength(MAX_FAILURES_WITHOUT_PROGRESS);
});

test("every new byte starts the count anew", async () => {
  const giveUpAfter = 4 + MAX_FAILURES_WITHOUT_PROGRESS;
  const { done, opened } = scriptedDownload((attempt) => ({
    bytes: attempt === 5 ? 10 : 0,
    breaks: true,
    validator: "v",
  }));
  await expect(done).rejects.toMatchObject({ terminal: false });
  expect(opened).toHaveLength(giveUpAfter);
});

test("is bounded in attempts even when each makes progress", async () => {
  const { done, opened } = scriptedDownload(() => ({ bytes: 1, breaks: true, validator: "v" }));
  await expect(done).rejects.toThrow(`given up after ${MAX_ATTEMPTS} attempts`);
  expect(opened).toHaveLength(MAX_ATTEMPTS);
});

test("a terminal error ends it at once", async () => {
  const { done, opened } = scriptedDownload(() => {
    throw new SourceError({ message: "gone", expected: "a model", found: "HTTP 404", terminal: true });
  });
  await expect(done).rejects.toMatchObject({ terminal: true });
  expect(opened).toHaveLength(1);
});

test("an error of the sink is no reason to ask the source again", async () => {
  const diskFull = new Error("the disk is full");
  const sink = { sizeBytes: 0, write: () => Promise.reject(diskFull), restart: async () => {} };
  const { done, opened } = scriptedDownload(() => ({ bytes: 10, breaks: false }), { sink });
  await expect(done).rejects.toBe(diskFull);
  expect(opened).toHaveLength(1);
});
