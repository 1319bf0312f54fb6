/**
 * Contract: reading, creating and replacing single objects, and listing many.
 */
import { expect } from "@jest/globals";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { ANYBODY, type ContractCase, errorOf, exists, lease, names, reference } from "./contract-case.ts";

/** Cases of `get`, `create`, `replace` and `list`. */
export const readingCases: readonly ContractCase[] = [
  {
    name: "a created object comes back with identity and version",
    async run(environment) {
      const { port, namespace } = environment;
      const created = await port.create(lease(environment, "a", { labels: { app: "x" } }), ANYBODY);
      expect(created.metadata).toMatchObject({ name: "a", namespace, labels: { app: "x" } });
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(created.metadata.resourceVersion).toMatch(/^\d+$/);
      expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(await port.get(reference(environment, "lease", "a"))).toEqual(created);
    },
  },
  {
    name: "creating what exists is 409 AlreadyExists",
    async run(environment) {
      await environment.port.create(lease(environment, "a"), ANYBODY);
      const error = await errorOf(environment.port.create(lease(environment, "a"), ANYBODY));
      expect(error).toMatchObject({ status: 409, reason: "AlreadyExists" });
    },
  },
  {
    name: "reading what does not exist is 404 NotFound",
    async run(environment) {
      const error = await errorOf(environment.port.get(reference(environment, "lease", "a")));
      expect(error).toMatchObject({ status: 404, reason: "NotFound" });
    },
  },
  {
    name: "replacing takes the version that was read, and gives a new one",
    async run(environment) {
      const { port } = environment;
      const first = await port.create(lease(environment, "a", {}, { holderIdentity: "x" }), ANYBODY);
      const second = await port.replace({ ...first, spec: { holderIdentity: "y" } }, ANYBODY);
      expect(second["spec"]).toEqual({ holderIdentity: "y" });
      expect(second.metadata.uid).toBe(first.metadata.uid);
      expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    },
  },
  {
    name: "of two who replace the same version, one gets 409 Conflict",
    async run(environment) {
      const { port } = environment;
      const read = await port.create(lease(environment, "a"), ANYBODY);
      await port.replace({ ...read, spec: { holderIdentity: "x" } }, ANYBODY);
      const error = await errorOf(port.replace({ ...read, spec: { holderIdentity: "y" } }, ANYBODY));
      expect(error).toMatchObject({ status: 409, reason: "Conflict" });
      const stored = await port.get(reference(environment, "lease", "a"));
      expect(stored["spec"]).toEqual({ holderIdentity: "x" });
    },
  },
  {
    name: "replacing what was deleted meanwhile does not bring it back",
    async run(environment) {
      const { port } = environment;
      const read = await port.create(lease(environment, "a"), ANYBODY);
      await port.delete(reference(environment, "lease", "a"), {});
      const error = await errorOf(port.replace({ ...read, spec: { holderIdentity: "x" } }, ANYBODY));
      expect([404, 409]).toContain(error?.status);
      expect(await exists(environment, read)).toBe(false);
    },
  },
  {
    name: "replacing by an equal object gives no new version",
    async run(environment) {
      const { port } = environment;
      const created = await port.create(lease(environment, "a", {}, { holderIdentity: "x" }), ANYBODY);
      const replaced = await port.replace(created, ANYBODY);
      expect(replaced.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    },
  },
  {
    name: "a list is bounded by namespace, labels and fields, in the order of names",
    async run(environment) {
      const { port, namespace } = environment;
      await port.create(lease(environment, "c", { labels: { tier: "gold" } }), ANYBODY);
      await port.create(lease(environment, "a", { labels: { tier: "gold", old: "yes" } }), ANYBODY);
      await port.create(lease(environment, "b", { labels: { tier: "iron" } }), ANYBODY);
      const list = async (scope: { labelSelector?: string; fieldSelector?: string }) =>
        names((await port.list(RESOURCE.lease, { namespace, ...scope })).items);
      expect(await list({})).toEqual(["a", "b", "c"]);
      expect(await list({ labelSelector: "tier=gold" })).toEqual(["a", "c"]);
      expect(await list({ labelSelector: "tier=gold,!old" })).toEqual(["c"]);
      expect(await list({ labelSelector: "tier in (iron, tin)" })).toEqual(["b"]);
      expect(await list({ labelSelector: "tier notin (iron),old" })).toEqual(["a"]);
      expect(await list({ labelSelector: "old!=yes" })).toEqual(["b", "c"]);
      expect(await list({ fieldSelector: "metadata.name=b" })).toEqual(["b"]);
      expect((await port.list(RESOURCE.lease, { namespace: `${namespace}-other` })).items).toEqual([]);
    },
  },
  {
    name: "listed objects name their type, as single ones do",
    async run(environment) {
      const { port, namespace } = environment;
      const created = await port.create(lease(environment, "a"), ANYBODY);
      const { items } = await port.list(RESOURCE.lease, { namespace });
      expect(items).toEqual([created]);
    },
  },
  {
    name: "the pages of a list show one moment",
    async run(environment) {
      const { port, namespace } = environment;
      for (const name of ["a", "b", "c", "d", "e"]) await port.create(lease(environment, name), ANYBODY);
      const first = await port.list(RESOURCE.lease, { namespace, limit: 2 });
      await port.create(lease(environment, "bb"), ANYBODY);
      await port.delete(reference(environment, "lease", "d"), {});
      const pages = [names(first.items)];
      let page = first;
      while (page.continueToken !== undefined) {
        page = await port.list(RESOURCE.lease, { namespace, limit: 2, continueToken: page.continueToken });
        expect(page.resourceVersion).toBe(first.resourceVersion);
        pages.push(names(page.items));
      }
      expect(pages).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    },
  },
  {
    name: "a page of a list that is too old is 410 Expired",
    async run(environment) {
      const { port, namespace } = environment;
      for (const name of ["a", "b", "c"]) await port.create(lease(environment, name), ANYBODY);
      const { continueToken } = await port.list(RESOURCE.lease, { namespace, limit: 1 });
      if (continueToken === undefined) throw new Error("there is no second page");
      await port.create(lease(environment, "d"), ANYBODY);
      await environment.expireHistory();
      const error = await errorOf(port.list(RESOURCE.lease, { namespace, limit: 1, continueToken }));
      expect(error).toMatchObject({ status: 410, reason: "Expired" });
    },
  },
];
