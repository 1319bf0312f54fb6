/**
 * What NetworkPolicies mean for the pods of one node, as rules of nftables: pure.
 *
 * Ingress only: a rule about egress is not enforced. What the node itself sends (probes of its kubelet) never
 * passes the hook that is filtered here, so no policy can refuse it, as Kubernetes asks. A refused TCP connection
 * is answered with a reset and not left unanswered, so that tests see a refusal at once.
 */
import { addressSpan } from "./layout.ts";

/** A `metav1.LabelSelector`. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** What is read of a Pod. */
export interface PolicyPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly initContainers?: readonly PolicyContainer[];
    readonly containers: readonly PolicyContainer[];
  };
  readonly status?: { readonly podIP?: string; readonly phase?: string };
}

interface PolicyContainer {
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
}

/** What is read of a Namespace. */
export interface PolicyNamespace {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface PortRule {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

/** What is read of a NetworkPolicy. */
export interface Policy {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly PortRule[] }[];
  };
}

/** All that the rules follow from. */
export interface PolicyWorld {
  readonly pods: readonly PolicyPod[];
  readonly namespaces: readonly PolicyNamespace[];
  readonly policies: readonly Policy[];
}

/** The table of nftables that holds the rules. */
export const policyTable = "inet petrel-network-policy";

/** Whether a selector selects labels. An empty one selects everything. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
  const isMatched = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    isMatched &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          throw new Error(`a label selector has the operator ${JSON.stringify(operator)}`);
      }
    })
  );
}

// A pod of the host's network has the node's address, and one that has ended may have left its to another.
function addressOf(pod: PolicyPod): string | undefined {
  const hasEnded = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
  return pod.spec.hostNetwork === true || hasEnded ? undefined : pod.status?.podIP;
}

/** The match on who sends, or undefined when nobody does. */
function sourceMatches(world: PolicyWorld, policy: Policy, peer: Peer): string | undefined {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    for (const range of [cidr, ...except]) {
      if (addressSpan(range) === undefined) throw new Error(`ipBlock ${range}: only IPv4 is known here`);
    }
    const excepted = except.length === 0 ? "" : ` ip saddr != { ${except.join(", ")} }`;
    return `ip saddr ${cidr}${excepted}`;
  }
  const { namespaceSelector, podSelector = {} } = peer;
  const namespaces =
    namespaceSelector === undefined
      ? [policy.metadata.namespace]
      : world.namespaces
          .filter(({ metadata }) => selects(namespaceSelector, metadata.labels))
          .map(({ metadata }) => metadata.name);
  const addresses = world.pods
    .filter(
      ({ metadata }) => namespaces.includes(metadata.namespace) && selects(podSelector, metadata.labels),
    )
    .flatMap((pod) => addressOf(pod) ?? []);
  return addresses.length === 0 ? undefined : `ip saddr { ${[...new Set(addresses)].sort().join(", ")} }`;
}

/** The match on the port of a pod, or undefined when the pod has none of that name. */
function portMatch(pod: PolicyPod, { protocol = "TCP", port, endPort }: PortRule): string | undefined {
  const layer = protocol.toLowerCase();
  if (port === undefined) return `meta l4proto ${layer}`;
  if (typeof port === "number") return `${layer} dport ${port}${endPort === undefined ? "" : `-${endPort}`}`;
  const named = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    .flatMap((container) => container.ports ?? [])
    .find((candidate) => candidate.name === port && (candidate.protocol ?? "TCP") === protocol);
  return named === undefined ? undefined : `${layer} dport ${named.containerPort}`;
}

function isolates(policy: Policy, pod: PolicyPod): boolean {
  return (
    policy.metadata.namespace === pod.metadata.namespace &&
    (policy.spec.policyTypes ?? ["Ingress"]).includes("Ingress") &&
    selects(policy.spec.podSelector ?? {}, pod.metadata.labels)
  );
}

function acceptances(world: PolicyWorld, policy: Policy, pod: PolicyPod): string[] {
  return (policy.spec.ingress ?? []).flatMap(({ from = [], ports = [] }) => {
    // No list, or an empty one, is everybody, or every port.
    const sources = from.length === 0 ? [""] : from.map((peer) => sourceMatches(world, policy, peer));
    const targets = ports.length === 0 ? [""] : ports.map((rule) => portMatch(pod, rule));
    return sources.flatMap((source) =>
      targets.flatMap((target) =>
        source === undefined || target === undefined
          ? []
          : [[source, target, "accept"].filter(Boolean).join(" ")],
      ),
    );
  });
}

/**
 * Input for `nft -f -` that replaces all rules of a node in one step. Pods that no policy selects stay open.
 *
 * Throws on a selector or address block that is not understood: a policy must not be enforced in part in silence.
 */
export function nodeRules(world: PolicyWorld, node: string): string {
  const isolated = world.pods
    .filter((pod) => pod.spec.nodeName === node)
    .flatMap((pod) => {
      const address = addressOf(pod);
      const policies = world.policies.filter((policy) => isolates(policy, pod));
      return address === undefined || policies.length === 0 ? [] : [{ pod, address, policies }];
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const chains = isolated.map(({ pod, address, policies }) => [
    `  chain ${chainOf(address)} {`,
    ...policies.flatMap((policy) => acceptances(world, policy, pod).map((rule) => `    ${rule}`)),
    "    meta l4proto tcp reject with tcp reset",
    "    reject with icmpx admin-prohibited",
    "  }",
  ]);
  const jumps = isolated.map(({ address }) => `${address} : jump ${chainOf(address)}`);
  return [
    // Deleting a table that is not there would fail, so it is made first.
    `table ${policyTable} {}`,
    `delete table ${policyTable}`,
    `table ${policyTable} {`,
    ...chains.flat(),
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    "    ct state established,related accept",
    ...(jumps.length === 0 ? [] : [`    ip daddr vmap { ${jumps.join(", ")} }`]),
    "  }",
    "}",
    "",
  ].join("\n");
}

function chainOf(address: string): string {
  return `to-${address.replaceAll(".", "-")}`;
}
