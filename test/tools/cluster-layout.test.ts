/** Names and addresses of test clusters: they never meet, and a state file is read back or refused. */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addressSpan,
  blocks,
  type ClusterState,
  freeBlock,
  gpusByNode,
  isClusterName,
  layoutOf,
  parseState,
} from "../../e2e/cluster/layout.ts";

const state: ClusterState = {
  version: 1,
  id: "0123abcd",
  name: "demo",
  createdAt: "2026-01-02T03:04:05.000Z",
  block: 200,
  gpus: [2, 2, 0],
};

describe("a layout", () => {
  const layout = layoutOf(state, "/cache/clusters/demo");

  test("gives each node its own names, addresses and zone", () => {
    expect(
      layout.nodes.map((node) => [node.name, node.address, node.podRange, node.zone, node.gpus]),
    ).toEqual([
      ["n1", "10.200.0.11", "10.200.1.0/24", "zone-a", 2],
      ["n2", "10.200.0.12", "10.200.2.0/24", "zone-b", 2],
      ["n3", "10.200.0.13", "10.200.3.0/24", "zone-c", 0],
    ]);
  });

  test("keeps every range inside the cluster's own, apart from each other", () => {
    const own = addressSpan(layout.range);
    const spans = [
      `${layout.controlPlaneAddress}/24`,
      layout.serviceRange,
      ...layout.nodes.map((node) => node.podRange),
    ]
      .map(addressSpan)
      .map((span) => span ?? { first: -1, last: -1 })
      .sort((a, b) => a.first - b.first);
    for (const [index, span] of spans.entries()) {
      expect(span.first).toBeGreaterThanOrEqual(own?.first ?? Number.POSITIVE_INFINITY);
      expect(span.last).toBeLessThanOrEqual(own?.last ?? Number.NEGATIVE_INFINITY);
      expect(span.first).toBeGreaterThan(spans[index - 1]?.last ?? -1);
    }
  });

  test("has a link name that Linux takes", () => {
    expect(layout.hostLink.length).toBeLessThanOrEqual(15);
  });
});

describe("addresses", () => {
  test.each([
    ["10.0.0.0/8", 167772160, 184549375],
    ["10.200.3.4", 180880132, 180880132],
    ["0.0.0.0/0", 0, 4294967295],
    ["255.255.255.255/32", 4294967295, 4294967295],
  ])("%s spans %d to %d", (range, first, last) => {
    expect(addressSpan(range)).toEqual({ first, last });
  });

  test.each(["", "default", "10.0.0", "10.0.0.256", "10.0.0.0/33", "fe80::/10"])(
    "%p is no range",
    (range) => {
      expect(addressSpan(range)).toBeUndefined();
    },
  );

  test("a free block is taken, and one that overlaps anything is not", () => {
    expect(freeBlock([])).toBe(200);
    expect(freeBlock(["10.200.0.0/16", "10.201.7.9", "192.168.0.0/16"])).toBe(202);
    expect(freeBlock(["10.0.0.0/8"])).toBeUndefined();
  });

  test("property: the block that is chosen is never inside a used range", () => {
    const range = fc
      .tuple(fc.integer({ min: 190, max: 255 }), fc.nat(255), fc.integer({ min: 8, max: 32 }))
      .map(([second, third, bits]) => `10.${second}.${third}.0/${bits}`);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 60 }), (used) => {
        const block = freeBlock(used);
        const isFree = (candidate: number) => {
          const own = addressSpan(`10.${candidate}.0.0/16`);
          return used
            .map(addressSpan)
            .every((span) => !span || !own || span.last < own.first || span.first > own.last);
        };
        expect(block).toBe(blocks.find(isFree));
      }),
    );
  });
});

describe("the state of a cluster", () => {
  test("is read back as it was written", () => {
    expect(parseState(JSON.stringify(state), "state.json")).toEqual(state);
  });

  test.each<[string, unknown]>([
    ["expected an object", []],
    ["version", { ...state, version: 2 }],
    ["id", { ...state, id: "../../etc" }],
    ["name", { ...state, name: "a/b" }],
    ["block", { ...state, block: 10 }],
    ["gpus", { ...state, gpus: [-1] }],
  ])("is refused, and the error tells why: %s", (reason, content) => {
    expect(() => parseState(JSON.stringify(content), "state.json")).toThrow(reason);
  });
});

test.each(["a", "demo-1", "a".repeat(30)])("a cluster may be called %p", (name) => {
  expect(isClusterName(name)).toBe(true);
});
test.each(["", "-a", "a-", "A", "a.b", "../x", "a".repeat(31)])("no cluster may be called %p", (name) => {
  expect(isClusterName(name)).toBe(false);
});

test("devices are given to all nodes alike, or node by node", () => {
  expect(gpusByNode(3, 2)).toEqual([2, 2, 2]);
  expect(gpusByNode(3, [2, 1])).toEqual([2, 1, 0]);
  expect(() => gpusByNode(1, [1, 1])).toThrow("2 numbers for 1 nodes");
  expect(() => gpusByNode(0, 1)).toThrow("expected 1 to 9");
  expect(() => gpusByNode(1, 0.5)).toThrow("expected 0 to 64");
});
