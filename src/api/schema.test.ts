/**
 * Patterns of the schemas against what Kubernetes itself takes for the same thing.
 */
import { describe, expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { modelDeploymentSpecSchema } from "./model-deployment-spec.ts";
import { modelSourceSchema } from "./model-source.ts";
import {
  dnsLabelSchema,
  durationSchema,
  objectNameSchema,
  resourceListSchema,
  stringEnum,
  stringMapSchema,
} from "./schema.ts";

const description = "A field.";

describe("a duration", () => {
  const check = Compile(durationSchema({ description }));

  test.each(["0s", "500ms", "10s", "1h30m", "1.5s", "0.25ms"])("is %s", (text) => {
    expect(check.Check(text)).toBe(true);
  });

  test.each(["", "10", "-1s", "+1s", "1d", "1us", "1 s", ".5s", "1.s", "s", "1s ", `${"1".repeat(40)}s`])(
    "is not %j",
    (text) => {
      expect(check.Check(text)).toBe(false);
    },
  );
});

describe("an amount", () => {
  const check = Compile(resourceListSchema(description));

  test.each([1, 0, "1", "500m", "0.5", ".5", "1.5Gi", "2k", "3Ei"])("is %j", (amount) => {
    expect(check.Check({ cpu: amount })).toBe(true);
  });

  test.each([-1, 1.5, "", "-1", "1 Gi", "1GiB", "Gi", "1e3", "1.", true, null])("is not %j", (amount) => {
    expect(check.Check({ cpu: amount })).toBe(false);
  });
});

describe("a name", () => {
  const check = Compile(dnsLabelSchema(5, description));

  test.each(["a", "0", "a-b", "a--b", "abcde"])("is %s", (text) => {
    expect(check.Check(text)).toBe(true);
  });

  test.each(["", "-a", "a-", "A", "a_b", "a.b", "abcdef", "a\n"])("is not %j", (text) => {
    expect(check.Check(text)).toBe(false);
  });
});

describe("where a model comes from", () => {
  const check = Compile(modelSourceSchema);
  const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

  test.each(["file:///models/m.onnx", "https://host/m", "http://host:8080/a/b?c=d"])("is %s", (uri) => {
    expect(check.Check({ uri, digest })).toBe(true);
  });

  test.each([
    "file://models/m.onnx",
    "https:///m",
    "https://host",
    "https://host/",
    "ftp://host/m",
    "http://h/a b",
  ])("is not %s", (uri) => {
    expect(check.Check({ uri, digest })).toBe(false);
  });

  test.each(["sha256:00", digest.toUpperCase(), `md5:${"0".repeat(64)}`, `${digest}0`, digest.slice(7)])(
    "is not told by the digest %s",
    (wrong) => {
      expect(check.Check({ uri: "https://host/m", digest: wrong })).toBe(false);
    },
  );
});

test("an enum takes its values alone", () => {
  const check = Compile(stringEnum(["One", "Two"], { description }));
  expect(["One", "Two", "Three", "one", 1].map((value) => check.Check(value))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("a map is bounded in entries and in values", () => {
  const check = Compile(stringMapSchema(2, description));
  expect(check.Check({ a: "1", b: "2" })).toBe(true);
  expect(check.Check({ a: "1", b: "2", c: "3" })).toBe(false);
  expect(check.Check({ a: "x".repeat(64) })).toBe(false);
  expect(check.Check({ a: 1 })).toBe(false);
});

describe("the name of an object", () => {
  const check = Compile(objectNameSchema(description));

  test.each(["a", "a.b", "1", "a-b.c-d.3", "a".repeat(253)])("is %s", (name) => {
    expect(check.Check(name)).toBe(true);
  });

  test.each(["", "A", "a..b", ".a", "a.", "-a", "a-", "a.-b", "a_b", "a/b", " a", "a".repeat(254)])(
    "is not %j",
    (name) => {
      expect(check.Check(name)).toBe(false);
    },
  );
});

test("every name of an object in the spec is held to the same rules", () => {
  const { pattern } = JSON.parse(JSON.stringify(objectNameSchema(description)));
  const names: [string, unknown][] = [];
  const look = (node: unknown, path: string) => {
    const { properties = {}, items } = JSON.parse(JSON.stringify(node));
    if (items !== undefined) look(items, `${path}[]`);
    for (const [name, field] of Object.entries<{ readonly pattern?: string }>(properties)) {
      const isReference = /(secretName|claimName|credentialsSecret|ClassName|TemplateName|AccountName)$/i;
      const isNameOfObject = name === "name" && /(Secrets\[\]|Key|Authority|authorization|jwks)$/.test(path);
      if (isReference.test(name) || isNameOfObject) names.push([`${path}.${name}`, field.pattern]);
      look(field, `${path}.${name}`);
    }
  };
  look(modelDeploymentSpecSchema, "spec");
  expect(names.length).toBeGreaterThan(8);
  expect(names.filter(([, found]) => found !== pattern)).toEqual([]);
});
