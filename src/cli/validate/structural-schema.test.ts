import { describe, expect, test } from "@jest/globals";
import { schemaProblems, unknownField, withDefaults } from "./structural-schema.ts";

describe("a field that is not known", () => {
  test.each([
    ["digset", "digest"],
    ["Digest", "digest"],
    ["diges", "digest"],
    ["digestt", "digest"],
    ["dgiest", "digest"],
    ["maxsize", "maxSize"],
  ])("%s: did you mean %s?", (name, meant) => {
    expect(unknownField([name], name, ["digest", "maxSize"]).remedy).toBe(`did you mean ${meant}?`);
  });

  test("unlike all others is answered with all of them", () => {
    expect(unknownField(["x"], "gpu", ["maxSize", "digest"]).remedy).toBe("expected one of digest, maxSize");
  });
});

test("defaults are filled in to their depth, and nulls are fields left out", () => {
  const node = {
    type: "object",
    properties: {
      traffic: {
        type: "object",
        default: {},
        properties: { timeout: { type: "string", default: "1s" }, tls: { type: "string" } },
      },
      pools: {
        type: "array",
        items: { type: "object", properties: { n: { type: "integer", default: 1 } } },
      },
    },
  };
  expect(withDefaults(node, { pools: [{}, { n: 2 }, { n: null }] })).toEqual({
    traffic: { timeout: "1s" },
    pools: [{ n: 1 }, { n: 2 }, { n: 1 }],
  });
  expect(withDefaults(node, { traffic: { tls: null } })).toEqual({ traffic: { timeout: "1s" } });
});

test("a keyword that is not known is no constraint that is skipped", () => {
  const node = { type: "string", unheardOf: 1 };
  expect(() => [...schemaProblems(node, "a", [])]).toThrow("unheardOf");
});
