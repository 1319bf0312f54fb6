/**
 * Reads who may scrape model servers: peers of a NetworkPolicy, by pod and namespace. An address is no peer here, for it
 * says nothing about who it is.
 *
 * What the API server would refuse is refused when the operator starts: else no model server of any ModelDeployment
 * could be made.
 */
import Type from "typebox";
import type { JsonRecord } from "../api/json.ts";
import { jsonOption } from "./json-option.ts";

const only = { additionalProperties: false };
const name = Type.String({ maxLength: 63, pattern: "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$" });
const value = Type.Union([name, Type.Literal("")]);
const key = Type.String({
  maxLength: 317,
  pattern: "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
});
const requirement = Type.Union([
  Type.Object(
    {
      key,
      operator: Type.Union([Type.Literal("In"), Type.Literal("NotIn")]),
      values: Type.Array(value, { minItems: 1, maxItems: 100 }),
    },
    only,
  ),
  Type.Object({ key, operator: Type.Union([Type.Literal("Exists"), Type.Literal("DoesNotExist")]) }, only),
]);
const selector = Type.Object(
  {
    matchLabels: Type.Optional(Type.Record(key, value, only)),
    matchExpressions: Type.Optional(Type.Array(requirement, { maxItems: 100 })),
  },
  only,
);
const peers = Type.Array(
  Type.Object(
    { podSelector: Type.Optional(selector), namespaceSelector: Type.Optional(selector) },
    { ...only, minProperties: 1 },
  ),
  { maxItems: 100 },
);

/**
 * The peers in a JSON text.
 *
 * @throws {InvalidArgumentError} when they are none.
 */
export const networkPolicyPeers: (text: string) => readonly JsonRecord[] = jsonOption(
  peers,
  "a JSON list of peers as in a NetworkPolicy, each with podSelector, namespaceSelector or both",
);
