/**
 * The collector is killed with SIGKILL at random moments under load. Clients and routers send again what was not
 * answered; in the end everything that was answered is there, and nothing is there twice.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { AUTHORIZATION, type CollectProcess, startCollect, writeFiles } from "./testdata/collect-process.ts";
import { openCollector, tokenOf } from "./testdata/collecting.ts";

const KILLS = 3;
const CLIENTS = 6;

test("nothing acknowledged is lost, and nothing counts twice", async () => {
  await inFolder(async (folder) => {
    writeFiles(folder);
    let collect: CollectProcess = await startCollect(folder);
    let isOver = false;
    /** Sends until it is answered, as clients do. */
    const send = async (path: "feedback" | "impressions", body: string): Promise<unknown> => {
      for (;;) {
        const base = path === "feedback" ? collect.feedback : collect.internal;
        try {
          const response = await fetch(`${base}/${path}`, { method: "POST", body, headers: AUTHORIZATION });
          const answer: unknown = await response.json();
          if (response.status === 200) return answer;
        } catch {
          await delay(20);
        }
      }
    };
    const startedAt = Date.now() - 120_000;
    const seconds = Math.floor(startedAt / 1_000) + 60;
    let requests = 0;
    const acknowledged: number[] = [];
    let batches = 0;
    /** A router that logs requests, and clients whose labels may be ahead of the log. */
    const router = async () => {
      let logged = 0;
      while (!isOver || logged < requests) {
        const until = requests;
        const lines = Array.from({ length: until - logged }, (_, index) => ({
          token: tokenOf(logged + index, { seconds }),
        }));
        logged = until;
        const now = Date.now();
        const head = {
          router: "r",
          incarnation: "r/1",
          startedAt,
          number: ++batches,
          closedAt: now,
          to: now - 1_000,
        };
        await send("impressions", [head, ...lines].map((line) => JSON.stringify(line)).join("\n"));
      }
    };
    const client = async () => {
      while (!isOver) {
        const request = requests++;
        const events = [
          { label: "click", row: 1 },
          { label: "order", value: 3, id: `order-${request}` },
        ];
        await send("feedback", JSON.stringify({ token: tokenOf(request, { seconds }), events }));
        acknowledged.push(request);
      }
    };
    const work = [router(), ...Array.from({ length: CLIENTS }, client)];
    for (let kill = 0; kill < KILLS; kill++) {
      const before = acknowledged.length;
      while (acknowledged.length < before + 15) await delay(5);
      await delay(Math.random() * 50);
      expect(await collect.end("SIGKILL")).toBe("SIGKILL");
      collect = await startCollect(folder);
    }
    isOver = true;
    await Promise.all(work);
    expect(await collect.end("SIGTERM")).toBe(0);

    expect(acknowledged.length).toBe(requests);
    const reopened = openCollector(join(folder, "evidence.db"), {}, Date.now);
    const { arms, voided } = await reopened.evidence("ranker");
    await reopened.close();
    expect(voided).toEqual([]);
    const total = (numbers: readonly number[] = []) => numbers.reduce((sum, number) => sum + number, 0);
    expect(arms).toHaveLength(1);
    expect(total(arms[0]?.n)).toBe(requests);
    expect(total(arms[0]?.metrics["ctr"]?.arrived)).toBe(requests);
    expect(total(arms[0]?.metrics["revenue"]?.arrived)).toBe(requests * 3);
  });
}, 600_000);
