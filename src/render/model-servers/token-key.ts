/**
 * What a model server needs to give its answers prediction tokens: the key of its own revision, and nobody else's.
 */
import { asList, type JsonRecord, valueAt } from "../../api/json.ts";
import { COLLECTOR_KEY, COLLECTOR_NAME } from "../collector-names.ts";
import type { ModelServersInput } from "./model-servers-input.ts";

const DIRECTORY = "/etc/petrel/token";
const FILE = "key.json";
const NAME = "token-key";

/** Arguments of the server. */
export function tokenArguments({ owner, model, tokenPool }: ModelServersInput): readonly string[] {
  if (tokenPool === undefined) return [];
  return [
    `--token-keys=${DIRECTORY}/${FILE}`,
    `--token-deployment=${owner.uid}`,
    `--token-pool=${tokenPool}`,
    ...(model.digest === undefined ? [] : [`--token-model-digest=${model.digest}`]),
  ];
}

/** Arguments of Petrel's own server alone: before another one the token goes ahead of the answer, and of its scores. */
export function scoreArguments({ tokenPool, tokenScores }: ModelServersInput): readonly string[] {
  if (tokenPool === undefined || tokenScores === undefined) return [];
  return [`--token-scores=${tokenScores.output}`, `--token-score-column=${tokenScores.column}`];
}

/** Where the server finds the key. */
export function tokenMounts({ tokenPool }: ModelServersInput) {
  return tokenPool === undefined ? [] : [{ name: NAME, mountPath: DIRECTORY, readOnly: true }];
}

/** The key as the kubelet reads it. Without one the model is served all the same, and its answers have no token. */
export function tokenVolumes({ revision, tokenPool }: ModelServersInput) {
  if (tokenPool === undefined) return [];
  const items = [{ key: COLLECTOR_KEY.ofRevision(revision), path: FILE }];
  return [{ name: NAME, secret: { secretName: COLLECTOR_NAME, optional: true, items } }];
}

/** Whether pods from this template have what they need to give tokens. */
export function givesTokens(template: JsonRecord): boolean {
  return asList(valueAt(template, "spec", "volumes")).some((volume) => valueAt(volume, "name") === NAME);
}
