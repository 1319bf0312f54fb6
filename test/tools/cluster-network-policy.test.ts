/** What NetworkPolicies mean for the pods of a node of the test cluster. */
import { describe, expect, test } from "@jest/globals";
import {
  nodeRules,
  type Policy,
  type PolicyPod,
  type PolicyWorld,
  selects,
} from "../../e2e/cluster/network-policy-rules.ts";

type Labels = Readonly<Record<string, string>>;

function pod(name: string, podIP: string, labels: Labels = {}, changes: Partial<PolicyPod["spec"]> = {}) {
  const ports = [{ name: "rest", containerPort: 8080 }];
  const spec = { nodeName: "n1", containers: [{ ports }], ...changes };
  return { metadata: { namespace: "shop", name, labels }, spec, status: { podIP, phase: "Running" } };
}

const server = pod("server", "10.200.1.2", { app: "server" });
const router = pod("router", "10.200.2.2", { app: "router" }, { nodeName: "n2" });
const stranger = pod("stranger", "10.200.1.3", { app: "stranger" });
const scraper: PolicyPod = {
  ...pod("scraper", "10.200.2.9", { app: "prometheus" }, { nodeName: "n2" }),
  metadata: { namespace: "monitoring", name: "scraper", labels: { app: "prometheus" } },
};

function world(ingress: Policy["spec"]["ingress"], pods: readonly PolicyPod[] = [server, router, stranger]) {
  const spec = { podSelector: { matchLabels: { app: "server" } }, ...(ingress && { ingress }) };
  const policies = [{ metadata: { namespace: "shop", name: "server" }, spec }];
  const namespaces = [
    { metadata: { name: "shop", labels: { team: "search" } } },
    { metadata: { name: "monitoring", labels: { team: "ops" } } },
  ];
  return { pods: [...pods, scraper], namespaces, policies } satisfies PolicyWorld;
}

/** What is accepted on its way to the server. */
function accepted(of: PolicyWorld): readonly string[] {
  return nodeRules(of, "n1")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.endsWith("accept") && !line.startsWith("ct state"));
}

describe("a pod that a policy selects takes", () => {
  test.each<[string, Policy["spec"]["ingress"], readonly string[]]>([
    ["nothing without rules", undefined, []],
    ["everything by an empty rule", [{}], ["accept"]],
    [
      "one port of chosen pods, by its name",
      [{ from: [{ podSelector: { matchLabels: { app: "router" } } }], ports: [{ port: "rest" }] }],
      ["ip saddr { 10.200.2.2 } tcp dport 8080 accept"],
    ],
    [
      "pods of chosen namespaces",
      [{ from: [{ namespaceSelector: { matchLabels: { team: "ops" } } }], ports: [{ port: 9090 }] }],
      ["ip saddr { 10.200.2.9 } tcp dport 9090 accept"],
    ],
    [
      "pods chosen by both selectors alone",
      [
        {
          from: [
            {
              namespaceSelector: {},
              podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] },
            },
          ],
        },
      ],
      ["ip saddr { 10.200.1.2, 10.200.1.3, 10.200.2.2, 10.200.2.9 } accept"],
    ],
    ["nobody where nobody is chosen", [{ from: [{ podSelector: { matchLabels: { app: "gone" } } }] }], []],
    ["no port that it does not have", [{ ports: [{ port: "unheard-of" }] }], []],
    [
      "a range of ports",
      [{ ports: [{ port: 8000, endPort: 8100, protocol: "UDP" }] }],
      ["udp dport 8000-8100 accept"],
    ],
    [
      "a block of addresses but for a part of it",
      [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] }],
      ["ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16 } accept"],
    ],
  ])("%s", (_what, ingress, expected) => {
    expect(accepted(world(ingress))).toEqual(expected);
  });
});

describe("the rules of a node", () => {
  test("are about its own pods that are selected, and no others", () => {
    expect(nodeRules(world([{}]), "n1")).toContain("ip daddr vmap { 10.200.1.2 : jump to-10-200-1-2 }");
    expect(nodeRules(world([{}]), "n2")).not.toContain("vmap");
  });

  test.each([
    ["of the host's network", pod("server", "10.200.0.11", { app: "server" }, { hostNetwork: true })],
    ["that has ended", { ...server, status: { podIP: "10.200.1.2", phase: "Succeeded" } }],
    ["without an address", { ...server, status: { phase: "Pending" } }],
  ])("are not about a pod %s", (_what, candidate) => {
    expect(nodeRules(world([{}], [candidate]), "n1")).not.toContain("vmap");
  });

  test("do not come from a policy about egress", () => {
    const [policy] = world([]).policies;
    const about = (policyTypes: readonly string[]) =>
      nodeRules(
        {
          ...world([]),
          policies: policy === undefined ? [] : [{ ...policy, spec: { ...policy.spec, policyTypes } }],
        },
        "n1",
      );
    expect(about(["Egress"])).not.toContain("vmap");
    expect(about(["Egress", "Ingress"])).toContain("vmap");
  });
});

test.each<[string, Parameters<typeof selects>[0], Labels, boolean]>([
  ["an empty selector selects everything", {}, {}, true],
  ["In", { matchExpressions: [{ key: "a", operator: "In", values: ["1", "2"] }] }, { a: "2" }, true],
  ["In without the label", { matchExpressions: [{ key: "a", operator: "In", values: ["1"] }] }, {}, false],
  ["NotIn", { matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }] }, { a: "1" }, false],
  [
    "NotIn without the label",
    { matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }] },
    {},
    true,
  ],
  ["DoesNotExist", { matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }, { a: "1" }, false],
  [
    "every part must hold",
    { matchLabels: { a: "1" }, matchExpressions: [{ key: "b", operator: "Exists" }] },
    { a: "1" },
    false,
  ],
])("%s", (_what, selector, labels, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

test("what is not understood is refused, never left out", () => {
  const operator = { matchExpressions: [{ key: "a", operator: "Near" }] };
  expect(() => selects(operator, {})).toThrow(/operator "Near"/);
  expect(() => nodeRules(world([{ from: [{ ipBlock: { cidr: "2001:db8::/32" } }] }]), "n1")).toThrow(
    /only IPv4/,
  );
});
