import { expect, test } from "@jest/globals";
import { asList, valueAt } from "../api/json.ts";
import { LONGEST_TIMEOUT_SECONDS } from "../api/traffic.ts";
import { DRAINED_PATH, ROUTER_DRAIN_SECONDS, ROUTER_PORT, routerObjects } from "./router.ts";

const deployment = routerObjects({
  namespace: "shop",
  replicas: 2,
  image: "petrel",
  envoyImage: "envoy",
  imagePullPolicy: "IfNotPresent",
  credentials: [],
  role: { kind: "ClusterRole", name: "petrel-router" },
}).find(({ kind }) => kind === "Deployment");
const pod = valueAt(deployment, "spec", "template", "spec");
const envoy = asList(valueAt(pod, "containers"))[0];
const router = asList(valueAt(pod, "initContainers"))[0];

test("a request of the longest time-out outlives each way in which a router lets go of it", () => {
  const args = asList(valueAt(envoy, "args"));
  const listenerDrainSeconds = Number(args[args.indexOf("--drain-time-s") + 1]);
  expect(listenerDrainSeconds).toBeGreaterThan(LONGEST_TIMEOUT_SECONDS);
  expect(ROUTER_DRAIN_SECONDS.longest).toBeGreaterThan(ROUTER_DRAIN_SECONDS.least + LONGEST_TIMEOUT_SECONDS);
  expect(Number(valueAt(pod, "terminationGracePeriodSeconds"))).toBeGreaterThanOrEqual(
    ROUTER_DRAIN_SECONDS.longest + 10,
  );
  expect(valueAt(envoy, "lifecycle", "preStop", "httpGet")).toEqual({
    path: DRAINED_PATH,
    port: ROUTER_PORT.http,
  });
});

test("the router knows the memory limit of the Envoy beside it, and every variable of its arguments", () => {
  const env = asList(valueAt(router, "env"));
  const limit = { containerName: valueAt(envoy, "name"), resource: "limits.memory" };
  expect(env).toContainEqual({ name: "ENVOY_MEMORY_BYTES", valueFrom: { resourceFieldRef: limit } });
  const used = [
    ...asList(valueAt(router, "args"))
      .join(" ")
      .matchAll(/\$\((\w+)\)/g),
  ].map(([, name]) => name);
  expect(used).toContain("ENVOY_MEMORY_BYTES");
  expect(env.map((variable) => valueAt(variable, "name"))).toEqual(used);
});
