import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  modelServerAccountName,
  modelServersGroupName,
  modelServersName,
  podRevisionName,
} from "../core/child-names.ts";
import { modelRevisionName } from "../core/revision/model-revision.ts";
import { childName } from "./child-name.ts";

/** A DNS label that begins with a letter; half of them as long as they may be. */
const label = (maxLength: number) =>
  fc
    .tuple(fc.string({ unit: fc.constantFrom(..."abz059-"), maxLength: maxLength - 2 }), fc.boolean())
    .map(([text, isLong]) => `a${isLong ? text.padEnd(maxLength - 2, "-y") : text}0`);

const model = { uri: "file:///m", digest: `sha256:${"0".repeat(64)}` };
const data = { model, runtime: { name: "onnxruntime" as const, intraOpThreads: 1 }, poolModels: {} };

test("short parts are joined", () => {
  expect(childName("ranker", "gpu", "x1")).toBe("ranker-gpu-x1");
});

test("long parts keep their beginning and get a hash of all of them", () => {
  const name = childName("a".repeat(60), "gpu");
  expect(name).toHaveLength(52);
  expect(name).toMatch(/^a{41}-[a-z0-9]{10}$/);
  expect(childName("a".repeat(60), "cpu")).not.toBe(name);
});

test("a cut never leaves two dashes before the hash", () => {
  expect(childName(`${"a".repeat(40)}-${"b".repeat(30)}`, "gpu")).toMatch(/^a{40}-[a-z0-9]{10}$/);
});

test("every name of a child is a DNS label that leaves room for a ReplicaSet's suffix", () => {
  fc.assert(
    fc.property(label(63), label(40), (deployment, pool) => {
      const revision = modelRevisionName(deployment, data);
      const names = [
        revision,
        modelServersName(deployment, pool, revision),
        modelServerAccountName(deployment),
        modelServersGroupName(deployment),
        podRevisionName(deployment, pool, revision, "bcdfghjklm"),
      ];
      for (const name of names) {
        expect(name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(52);
      }
    }),
  );
});

test("model servers of other deployments, pools or revisions have other names", () => {
  const parts = fc.tuple(label(63), label(40), label(52));
  fc.assert(
    fc.property(parts, parts, (left, right) => {
      fc.pre(JSON.stringify(left) !== JSON.stringify(right));
      expect(modelServersName(...left)).not.toBe(modelServersName(...right));
    }),
  );
  expect(modelServersName("a", "b-c", "r")).not.toBe(modelServersName("a-b", "c", "r"));
});

test("no two ModelDeployments of a namespace meet in the name of a child of one kind", () => {
  // Names that people could choose, the names of children among them.
  const name = fc.oneof(
    label(63),
    label(40).map((text) => modelServersGroupName(text)),
    label(40).map((text) => modelServerAccountName(text)),
  );
  const services = (deployment: string) => [deployment, modelServersGroupName(deployment)];
  fc.assert(
    fc.property(name, name, (left, right) => {
      fc.pre(left !== right);
      expect(modelServerAccountName(left)).not.toBe(modelServerAccountName(right));
      expect(modelServersGroupName(left)).not.toBe(modelServersGroupName(right));
      // A Service of the other's name is only made by who is called like a child, hash and all: then one of the two
      // is not adopted and says so.
      const isOnPurpose = services(left).includes(right) || services(right).includes(left);
      const shared = services(left).filter((service) => services(right).includes(service));
      expect(isOnPurpose ? [] : shared).toEqual([]);
    }),
  );
});

test("pod revisions of other inputs, pools or revisions have other names", () => {
  const parts = fc.tuple(label(63), label(40), label(52), label(10));
  fc.assert(
    fc.property(parts, parts, (left, right) => {
      fc.pre(JSON.stringify(left) !== JSON.stringify(right));
      expect(podRevisionName(...left)).not.toBe(podRevisionName(...right));
    }),
  );
});
