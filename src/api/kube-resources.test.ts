import { describe, expect, test } from "@jest/globals";
import { apiVersionOf } from "./kube-object.ts";
import { RESOURCE, resourceOf } from "./kube-resources.ts";

describe("resource types", () => {
  test.each(Object.entries(RESOURCE))("%s is found by what its objects say", (_name, resource) => {
    expect(resourceOf({ apiVersion: apiVersionOf(resource), kind: resource.kind })).toBe(resource);
  });

  test("of the core group have no group in their apiVersion", () => {
    expect(apiVersionOf(RESOURCE.pod)).toBe("v1");
    expect(apiVersionOf(RESOURCE.deployment)).toBe("apps/v1");
  });

  test.each([
    ["an unknown kind", "v1", "Node"],
    ["another version", "apps/v1beta1", "Deployment"],
    ["another group", "v1", "Deployment"],
  ])("that are not listed are an error: %s", (_what, apiVersion, kind) => {
    expect(() => resourceOf({ apiVersion, kind })).toThrow(
      `no resource type is known for ${apiVersion} ${kind}`,
    );
  });
});
