/** What tests of the collector share: settings, keys, tokens and a collector on a file of its own. */
import { join } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { createLogger } from "../../core/log.ts";
import { inFolder } from "../../process/testdata/in-folder.ts";
import { KeyRing } from "../../token/key-ring.ts";
import { mintToken, type PredictionToken } from "../../token/prediction-token.ts";
import { slotOf, tokenSlot } from "../../token/slot.ts";
import { nameTag, userTag } from "../../token/tags.ts";
import { Collector, type CollectorOptions } from "../collector.ts";
import { parseSettings } from "../settings.ts";
import { Store } from "../store.ts";

const SECRET = Buffer.alloc(32, 7).toString("base64");

export const RING_TEXT = JSON.stringify({
  users: SECRET,
  keys: [
    { deployment: "uid-1", revision: "ranker-a", id: 1, secret: SECRET },
    { deployment: "uid-2", revision: "other-a", id: 1, secret: SECRET },
  ],
});
export const RING = KeyRing.parse(RING_TEXT);

export const SETTINGS_TEXT = JSON.stringify({
  deployments: [
    {
      name: "ranker",
      uid: "uid-1",
      labels: [
        { name: "click", matures: "30m" },
        { name: "order", matures: "72h" },
      ],
      metrics: [
        { name: "ctr", type: "ClickThroughRate", label: "click" },
        { name: "conversion", type: "ConversionRate", label: "order" },
        { name: "revenue", type: "RevenuePerRequest", label: "order", cap: 100 },
      ],
    },
  ],
});

/** The same, with a metric of each other type. */
export const LISTS_TEXT = SETTINGS_TEXT.replace(
  `"metrics":[`,
  `"metrics":${JSON.stringify([
    { name: "dcg", type: "DCG", label: "click", cap: 5 },
    { name: "ndcg", type: "NDCG", label: "click", k: 5 },
    { name: "map", type: "MAP", label: "click" },
    { name: "mrr", type: "MRR", label: "click", k: 3 },
    { name: "hits", type: "HitRate", label: "click", k: 3 },
    { name: "clicks", type: "LabelRatio", label: "click", cap: 20 },
  ]).slice(0, -1)},`,
);

/** Now, in whole seconds, for tests that set no clock. */
export const NOW_SECONDS = 1_795_000_000;
export const ACCESS_TOKEN = "an-access-token-of-tests";

/** A token of request number `request`, of a user, made so long before now. */
export function tokenOf(
  request: number,
  { user = `user-${request}`, seconds = NOW_SECONDS - 600, ...fields }: TokenFields = {},
): string {
  const signing = RING.signingKey("uid-1", "ranker-a");
  if (signing === undefined) throw new Error("the ring has no such key");
  const requestId = Buffer.alloc(8);
  requestId.writeUInt32BE(request, 4);
  return mintToken(
    {
      arm: 0,
      keyId: signing.id,
      requestId,
      seconds,
      deployment: nameTag("uid-1"),
      revision: nameTag("ranker-a"),
      armCheck: 0,
      pool: 0,
      model: 1,
      epoch: 1,
      userTag: userTag(user, RING.users),
      slot: tokenSlot(slotOf(seconds)),
      rows: 10,
      scores: Uint16Array.of(9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
      ...fields,
    },
    signing.key,
  );
}

export type TokenFields = Partial<PredictionToken> & { readonly user?: string };

/** A collector whose clock stands at {@link NOW_SECONDS} unless `now` says otherwise, closed in the end. */
export function withCollector<Result>(
  work: (collector: Collector) => Promise<Result>,
  options: Partial<CollectorOptions> = {},
  now: () => number = () => NOW_SECONDS * 1_000,
): Promise<Result> {
  return inFolder(async (folder) => {
    const collector = openCollector(join(folder, "evidence.db"), options, now);
    try {
      return await work(collector);
    } finally {
      await collector.close();
    }
  });
}

export function openCollector(
  path: string,
  options: Partial<CollectorOptions> = {},
  now: () => number = () => NOW_SECONDS * 1_000,
): Collector {
  return new Collector({
    store: new Store(path),
    clock: { ...systemClock, now },
    log: createLogger({ write: () => {}, now }),
    settings: parseSettings(SETTINGS_TEXT),
    ring: RING,
    partition: { index: 0, count: 1 },
    handOn: () => Promise.reject(new Error("there is no other partition")),
    retention: { requestSeconds: 96 * 3_600, maximumRequests: 1_000_000, evidenceSeconds: 1_080 * 3_600 },
    maximumWaiting: 10_000,
    ...options,
  });
}

/** A batch of the access log of a router that started an hour ago; `to` is a minute before now unless given. */
export function batchOf(number: number, requests: readonly object[], head: object = {}): string {
  const now = NOW_SECONDS * 1_000;
  const first = {
    router: "router-0",
    incarnation: "router-0/1",
    startedAt: now - 7_200_000,
    number,
    closedAt: now,
    to: now - 1_000,
    ...head,
  };
  return [first, ...requests].map((line) => JSON.stringify(line)).join("\n");
}
