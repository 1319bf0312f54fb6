/**
 * Contract: watches, WatchLists, bookmarks and their ends.
 */
import { expect } from "@jest/globals";
import {
  ANYBODY,
  type ContractCase,
  currentVersion,
  errorOf,
  LeaseWatch,
  lease,
  reference,
} from "./contract-case.ts";

/** Cases of `watch`. */
export const watchingCases: readonly ContractCase[] = [
  {
    name: "a watch from a version delivers what came after it, in order, with its versions",
    async run(environment) {
      const { port } = environment;
      await port.create(lease(environment, "before"), ANYBODY);
      const resourceVersion = await currentVersion(environment);
      const created = await port.create(lease(environment, "a"), ANYBODY);
      const watch = new LeaseWatch(environment, { resourceVersion });
      expect(await watch.next()).toEqual({ type: "ADDED", object: created });
      const changed = await port.replace({ ...created, spec: { holderIdentity: "x" } }, ANYBODY);
      expect(await watch.next()).toEqual({ type: "MODIFIED", object: changed });
      await port.delete(reference(environment, "lease", "a"), {});
      const deleted = await watch.next();
      if (deleted?.type !== "DELETED") throw new Error(`expected DELETED, got ${deleted?.type}`);
      expect(deleted.object.metadata.uid).toBe(created.metadata.uid);
      expect(Number(deleted.object.metadata.resourceVersion)).toBeGreaterThan(
        Number(changed.metadata.resourceVersion),
      );
      watch.abort();
    },
  },
  {
    name: "a watch with a selector sees objects come into it and leave it",
    async run(environment) {
      const { port } = environment;
      const created = await port.create(lease(environment, "a", { labels: { tier: "iron" } }), ANYBODY);
      const resourceVersion = await currentVersion(environment);
      const watch = new LeaseWatch(environment, { resourceVersion, labelSelector: "tier=gold" });
      const into = { ...created, metadata: { ...created.metadata, labels: { tier: "gold" } } };
      const inside = await port.replace(into, ANYBODY);
      const outOf = { ...inside, metadata: { ...inside.metadata, labels: { tier: "iron" } } };
      const outside = await port.replace(outOf, ANYBODY);
      expect(await watch.next()).toEqual({ type: "ADDED", object: inside });
      const left = await watch.next();
      if (left?.type !== "DELETED") throw new Error(`expected DELETED, got ${left?.type}`);
      expect(left.object.metadata.labels).toEqual({ tier: "gold" });
      expect(left.object.metadata.resourceVersion).toBe(outside.metadata.resourceVersion);
      watch.abort();
    },
  },
  {
    name: "a WatchList delivers what exists, says that this was all, and goes on",
    async run(environment) {
      const { port } = environment;
      for (const name of ["b", "a"]) await port.create(lease(environment, name), ANYBODY);
      const watch = new LeaseWatch(environment, { sendInitialEvents: true });
      expect((await watch.take(2)).sort()).toEqual(["ADDED a", "ADDED b"]);
      expect(await watch.take(1)).toEqual(["INITIAL EVENTS END"]);
      await port.create(lease(environment, "c"), ANYBODY);
      expect(await watch.take(1)).toEqual(["ADDED c"]);
      watch.abort();
    },
  },
  {
    name: "a WatchList of nothing says at once that this was all, under a version to go on from",
    async run(environment) {
      const watch = new LeaseWatch(environment, { sendInitialEvents: true });
      const event = await watch.next();
      expect(event).toMatchObject({ type: "BOOKMARK", initialEventsEnd: true });
      watch.abort();
      await environment.port.create(lease(environment, "a"), ANYBODY);
      const resourceVersion = event?.type === "BOOKMARK" ? event.resourceVersion : "";
      const next = new LeaseWatch(environment, { resourceVersion });
      expect(await next.take(1)).toEqual(["ADDED a"]);
      next.abort();
    },
  },
  {
    name: "a watch from a version that is too old is 410 Expired",
    async run(environment) {
      const resourceVersion = await currentVersion(environment);
      await environment.port.create(lease(environment, "a"), ANYBODY);
      await environment.expireHistory();
      const watch = new LeaseWatch(environment, { resourceVersion });
      expect(await errorOf(watch.next())).toMatchObject({ status: 410, reason: "Expired" });
    },
  },
  {
    name: "a watch from a version that is yet to come hears nothing and ends cleanly",
    async run(environment) {
      const resourceVersion = String(Number(await currentVersion(environment)) + 1_000_000);
      const watch = new LeaseWatch(environment, { resourceVersion, timeoutSeconds: 4 });
      const next = watch.next();
      await environment.port.create(lease(environment, "a"), ANYBODY);
      await environment.elapse(8_000);
      expect(await next).toBeUndefined();
    },
  },
  {
    name: "a watch ends cleanly when its time is up, with a bookmark before that",
    async run(environment) {
      const events: unknown[] = [];
      // A server that is short of CPU now and then comes too late with its bookmark.
      for (let attempt = 1; attempt <= 5 && events.length === 0; attempt += 1) {
        const resourceVersion = await currentVersion(environment);
        const watch = new LeaseWatch(environment, { resourceVersion, timeoutSeconds: 6 });
        const ended = (async () => {
          for (let event = await watch.next(); event !== undefined; event = await watch.next()) {
            events.push(event.type);
          }
        })();
        await environment.elapse(10_000);
        await ended;
      }
      expect(new Set(events)).toEqual(new Set(["BOOKMARK"]));
    },
  },
  {
    name: "a watch that is aborted ends without an error",
    async run(environment) {
      const resourceVersion = await currentVersion(environment);
      const watch = new LeaseWatch(environment, { resourceVersion });
      const next = watch.next();
      await environment.elapse(100);
      watch.abort();
      expect(await next).toBeUndefined();
    },
  },
];
