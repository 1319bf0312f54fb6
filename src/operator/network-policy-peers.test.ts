import { expect, test } from "@jest/globals";
import { networkPolicyPeers } from "./network-policy-peers.ts";

const labels = { matchLabels: { "app.kubernetes.io/name": "prometheus", empty: "" } };
const expressions = {
  matchExpressions: [
    { key: "team", operator: "In", values: ["shop", ""] },
    { key: "example.com/legacy", operator: "DoesNotExist" },
  ],
};

test.each([
  [[]],
  [[{ podSelector: {} }]],
  [[{ podSelector: labels, namespaceSelector: expressions }, { namespaceSelector: labels }]],
])("peers are taken as they are: %j", (peers) => {
  expect(networkPolicyPeers(JSON.stringify(peers))).toEqual(peers);
});

test.each<[unknown]>([
  [{}],
  [[{}]],
  [[{ ipBlock: { cidr: "0.0.0.0/0" } }]],
  [[{ podSelector: { app: "prometheus" } }]],
  [[{ podSelector: { matchLabels: { app: 1 } } }]],
  [[{ podSelector: { matchLabels: { "not a key": "x" } } }]],
  [[{ podSelector: { matchLabels: { app: "not a value" } } }]],
  [[{ podSelector: { matchLabels: { app: "x".repeat(64) } } }]],
  [[{ podSelector: { matchExpressions: [{ key: "team", operator: "In", values: [] }] } }]],
  [[{ podSelector: { matchExpressions: [{ key: "team", operator: "Exists", values: ["x"] }] } }]],
  [[{ podSelector: { matchExpressions: [{ key: "team", operator: "Like", values: ["x"] }] } }]],
])("what the API server would refuse is refused at once: %j", (peers) => {
  expect(() => networkPolicyPeers(JSON.stringify(peers))).toThrow("expected a JSON list of peers");
});
