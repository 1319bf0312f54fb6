/**
 * Evidence from a real Prometheus that scrapes a shop: the sums of the page about it reach a verdict, and nothing is
 * taken from it once the shop is gone, stands still, or leaves a group out.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { systemClock } from "../../src/core/clock.ts";
import { prometheusEvidence } from "../../src/sources/evidence/prometheus.ts";
import { HttpClient } from "../../src/sources/http-client.ts";
import { findHarm } from "../../src/stats/harm.ts";
import type { OutsideCell, OutsideEvidence } from "../../src/stats/outside-evidence.ts";
import { questionAbout } from "../../src/stats/testdata/evidence-question.ts";
import { type PrometheusProcess, scraping, startPrometheus } from "./prometheus-process.ts";

const root = join(import.meta.dirname, "../..");
const GROUPS = Array.from({ length: 128 }, (_, group) => group);
const LIMIT_MILLISECONDS = 300_000;
const STALE_AFTER_MILLISECONDS = 60_000;

/** The queries of the page, with the other metrics of the same shop in the place of its answers. */
function queriesOfPage() {
  const page = readFileSync(join(root, "docs/evidence.md"), "utf8");
  const [answers = "", ageSeconds = ""] = [...page.matchAll(/```promql\n([\s\S]*?)```/g)].map(
    ([, query = ""]) => query,
  );
  const of = (metric: string) => answers.replace("shop_answers_total", metric);
  return {
    answers,
    sums: of("shop_clicks_total"),
    maturedAnswers: of("shop_matured_answers_total"),
    maturedSums: of("shop_matured_clicks_total"),
    ageSeconds,
  };
}

const QUESTION = questionAbout(
  [3, 4].map((epoch) => ({ epoch, fromMilliseconds: epoch, toMilliseconds: undefined })),
);

/** The candidate is clicked half as often. */
const answersOf = (epoch: number, group: number) => 100 * epoch + (group % 9);
const clicksOf = (arm: string, group: number) => (arm === "candidate" ? 6 + (group % 3) : 12 + (group % 5));

/** What the shop exports besides, or does not. */
const shop = { isThere: true, countedUntil: () => Date.now() / 1_000, leftOut: -1, answersMore: 0 };

function exported(): string {
  const lines = [`shop_counted_until_seconds{deployment="ranker"} ${shop.countedUntil()}`];
  // Of an epoch and of a deployment that nobody asks about, too.
  for (const [deployment, epochs] of [
    ["ranker", [2, 3, 4]],
    ["other", [3]],
  ] as const) {
    for (const epoch of epochs) {
      for (const arm of ["candidate", "stable"]) {
        for (const group of GROUPS) {
          if (group === shop.leftOut) continue;
          const labels = `{namespace="shop",deployment="${deployment}",epoch="${epoch}",arm="${arm}",group="${group}"}`;
          lines.push(`shop_answers_total${labels} ${answersOf(epoch, group) + shop.answersMore}`);
          lines.push(`shop_clicks_total${labels} ${clicksOf(arm, group)}`);
          lines.push(`shop_matured_answers_total${labels} ${answersOf(epoch, group) - 50}`);
          lines.push(`shop_matured_clicks_total${labels} ${clicksOf(arm, group) - 2}`);
        }
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

let folder: string;
let prometheus: PrometheusProcess;
const exporter = createServer((_, response) => {
  if (shop.isThere) response.setHeader("content-type", "text/plain; version=0.0.4").end(exported());
  else response.destroy();
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-prometheus-"));
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  prometheus = await startPrometheus(
    folder,
    scraping(`127.0.0.1:${(exporter.address() as AddressInfo).port}`),
  );
}, LIMIT_MILLISECONDS);

afterAll(async () => {
  await prometheus?.stop();
  exporter.closeAllConnections();
  await new Promise((resolve) => exporter.close(resolve));
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MILLISECONDS);

function ask(question = QUESTION, queries = queriesOfPage()): Promise<OutsideEvidence> {
  return prometheusEvidence(
    {
      url: prometheus.url,
      client: new HttpClient({ authorities: [] }),
      authorization: undefined,
      timeoutMilliseconds: 60_000,
      clock: systemClock,
      signal: new AbortController().signal,
    },
    queries,
    question,
    STALE_AFTER_MILLISECONDS,
  );
}

/** Asks until the answer, or the word why there is none, is the one that is waited for. */
async function until(isIt: (found: OutsideEvidence | Error) => boolean): Promise<OutsideEvidence | Error> {
  let found: OutsideEvidence | Error = new Error("nothing was asked");
  for (const end = Date.now() + LIMIT_MILLISECONDS / 2; Date.now() < end; await sleep(500)) {
    found = await ask().catch((error: Error) => error);
    if (isIt(found)) return found;
  }
  throw found instanceof Error ? found : new Error("it stays as it is");
}

const isRefused = (word: string) => (found: OutsideEvidence | Error) =>
  found instanceof Error && found.message.includes(word);

const numbersOf = (cells: readonly OutsideCell[]) =>
  cells.map(({ epoch, arm, answers, sums }) => ({
    epoch,
    arm,
    answers: Array.from(answers),
    sums: Array.from(sums),
  }));

test(
  "the sums that a shop exports come out as they are, and harm is found in them",
  async () => {
    const found = await until((one) => !(one instanceof Error));
    if (found instanceof Error) throw found;
    const expected = (fewer: readonly [number, number]) =>
      [3, 4].flatMap((epoch) =>
        (["Candidate", "Stable"] as const).map((arm) => ({
          epoch,
          arm,
          answers: GROUPS.map((group) => answersOf(epoch, group) - fewer[0]),
          sums: GROUPS.map((group) => clicksOf(arm.toLowerCase(), group) - fewer[1]),
        })),
      );
    expect(numbersOf(found.arrived)).toEqual(expected([0, 0]));
    expect(numbersOf(found.matured)).toEqual(expected([50, 2]));
    expect(Date.now() - found.asOfMilliseconds).toBeLessThan(STALE_AFTER_MILLISECONDS);
    const epochs = [3, 4].map((epoch) => {
      const [candidate, stable] = found.arrived.filter((cell) => cell.epoch === epoch);
      if (candidate === undefined || stable === undefined) throw new Error("expected both arms");
      return { candidate, stable };
    });
    expect(findHarm(epochs, QUESTION, { alpha: 0.05, gates: 1 }).verdict).toBe("Harm");
  },
  LIMIT_MILLISECONDS,
);

test(
  "a question about what is not there, and a query that is none, are no evidence",
  async () => {
    const epochs = QUESTION.epochs.map((one) => ({ ...one, epoch: one.epoch + 1 }));
    await expect(ask({ ...QUESTION, epochs })).rejects.toThrow("5/Candidate: expected group 0, got none");
    await expect(ask(QUESTION, { ...queriesOfPage(), sums: "sum by (" })).rejects.toThrow(
      /gives no evidence: HTTP 400: .*parse error/,
    );
  },
  LIMIT_MILLISECONDS,
);

test(
  "a group that is no longer exported is missed, and comes back",
  async () => {
    shop.leftOut = 77;
    await until(isRefused("expected group 77, got none"));
    shop.leftOut = -1;
    await until((found) => !(found instanceof Error));
  },
  LIMIT_MILLISECONDS,
);

test(
  "counters that say what cannot be are refused",
  async () => {
    shop.answersMore = 0.5;
    await until(isRefused("has 300.5 answers"));
    shop.answersMore = 0;
    await until((found) => !(found instanceof Error));
  },
  LIMIT_MILLISECONDS,
);

test(
  "a shop that counts no longer is stale, however often it is scraped",
  async () => {
    const stoodStillAt = Date.now() / 1_000 - 120;
    shop.countedUntil = () => stoodStillAt;
    await until(isRefused("expected evidence of the last 60 s"));
    shop.countedUntil = () => Date.now() / 1_000;
    await until((found) => !(found instanceof Error));
  },
  LIMIT_MILLISECONDS,
);

test(
  "a shop that is gone is no shop without clicks",
  async () => {
    shop.isThere = false;
    await until(
      (found) =>
        found instanceof Error && /expected group 0, got none|expected one number, got 0/.test(found.message),
    );
    expect(await prometheus.valueOf("up")).toBe(0);
    shop.isThere = true;
    await until((found) => !(found instanceof Error));
  },
  LIMIT_MILLISECONDS,
);
