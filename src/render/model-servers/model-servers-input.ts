/**
 * What the pods of one model revision in one pool are made from, and the labels that select them.
 */
import type { FetchSpec } from "../../api/fetch.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { ModelSource } from "../../api/model-source.ts";
import { COMPONENT, LABEL } from "../../api/names.ts";
import type { ScorePlace } from "../../api/observe.ts";
import type { PoolSpec } from "../../api/pool.ts";
import type { RuntimeSpec } from "../../api/runtime.ts";
import { childLabels, type Owner } from "../child-metadata.ts";
import type { ObservedRequests } from "./sidecar-settings.ts";

/** What the pods are made from. */
export interface ModelServersInput {
  readonly owner: Owner;
  /** Name of the ControllerRevision. */
  readonly revision: string;
  readonly model: ModelSource;
  /** How it is fetched; absent for the defaults. */
  readonly fetch?: FetchSpec | undefined;
  readonly runtime: RuntimeSpec;
  readonly pool: PoolSpec;
  readonly serviceAccountName: string;
  readonly imagePullSecrets?: ModelDeploymentSpec["imagePullSecrets"];
  readonly startupTimeout?: string;
  readonly image: string;
  /** Image of model servers that compute with CUDA. */
  readonly cudaImage: string;
  readonly imagePullPolicy: string;
  /** Place of the pool in the chain of failover, where answers get prediction tokens; absent where they do not. */
  readonly tokenPool?: number;
  /** Where the scores are that tokens tell; absent where they tell none. */
  readonly tokenScores?: ScorePlace;
  /** What a sidecar looks at; absent where there is none. */
  readonly observed?: ObservedRequests;
}

/** Labels that select the pods of one revision in one pool. */
export function modelServerLabels(
  owner: Owner,
  revision: string,
  pool: string,
): Readonly<Record<string, string>> {
  return {
    ...childLabels(owner),
    [LABEL.component]: COMPONENT.modelServer,
    [LABEL.pool]: pool,
    [LABEL.modelRevision]: revision,
  };
}
