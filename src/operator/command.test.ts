import { describe, expect, test } from "@jest/globals";
import { operatorCommand } from "./command.ts";

const NEEDED = ["--image=petrel", "--envoy-image=envoy", "--router-role=petrel-router", "--namespace=own"];

/** The options as the program reads them. Throws what it says of what it does not take. */
function optionsFrom(...given: string[]): Record<string, unknown> {
  const command = operatorCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(() => {});
  command.parse([...NEEDED, ...given], { from: "user" });
  return command.opts();
}

describe("what is said about the pods of routers", () => {
  test("is taken as the chart passes it", () => {
    const pods = {
      imagePullSecrets: [{ name: "registry" }],
      nodeSelector: { pool: "edge" },
      tolerations: [{ key: "dedicated", operator: "Equal", value: "edge", effect: "NoSchedule" }],
      routerResources: { requests: { cpu: 1 } },
      envoyResources: { limits: { memory: "2Gi" } },
    };
    expect(optionsFrom(`--router-pods=${JSON.stringify(pods)}`)["routerPods"]).toEqual(pods);
  });

  test.each([
    ["no JSON", "nodeSelector", "JSON object"],
    ["a field that nobody reads", { affinity: {} }, "affinity"],
    ["no amount", { envoyResources: { limits: { memory: "lots" } } }, "/envoyResources/limits/memory"],
    ["no name", { imagePullSecrets: [{ name: "a..b" }] }, "/imagePullSecrets/0/name"],
    ["no effect", { tolerations: [{ effect: "Always" }] }, "/tolerations/0/effect"],
  ])("is refused where it is %s", (_what, pods, said) => {
    const text = typeof pods === "string" ? pods : JSON.stringify(pods);
    expect(() => optionsFrom(`--router-pods=${text}`)).toThrow(said);
  });
});

test("labels of its own pods are taken as the chart passes them, and refused where they select everything", () => {
  const labels = { "app.kubernetes.io/name": "petrel", "app.kubernetes.io/instance": "petrel" };
  expect(optionsFrom(`--operator-labels=${JSON.stringify(labels)}`)["operatorLabels"]).toEqual(labels);
  expect(() => optionsFrom("--operator-labels={}")).toThrow("1 to 16 labels");
  expect(() => optionsFrom('--operator-labels={"a b":"c"}')).toThrow("1 to 16 labels");
});

test.each(["0", "21", "1000"])("workers are fewer than the connections: not %s", (workers) => {
  expect(() => optionsFrom(`--workers=${workers}`)).toThrow("expected a whole number from 1 to 20");
});
