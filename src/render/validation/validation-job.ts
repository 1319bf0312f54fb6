/**
 * The Job that judges a model revision on a labelled set: the models and the set are fetched and verified, and `petrel
 * evaluate` runs the models in the server that serves them, on ports of loopback. Nobody needs to reach its pod.
 *
 * What no second try can change ends it at once; what may pass (a fetch, a node that is lost) is tried again.
 */
import { formatDuration, parseDurationMilliseconds } from "../../api/duration.ts";
import { executionProviderOf } from "../../api/execution-provider.ts";
import type { FetchSpec } from "../../api/fetch.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { ModelSource } from "../../api/model-source.ts";
import { ANNOTATION, COMPONENT, CONTAINER, LABEL, MODEL_VOLUME, VALIDATION_MOUNT } from "../../api/names.ts";
import type { RuntimeSpec } from "../../api/runtime.ts";
import { DEFAULT_VALIDATION_TIMEOUT, type ValidationSpec } from "../../api/validation.ts";
import { childMetadata, type Owner } from "../child-metadata.ts";
import { containerResources } from "../model-servers/container-resources.ts";
import { literal } from "../model-servers/fetch-container.ts";
import type { FetchedInput } from "../model-servers/fetch-volumes.ts";
import { containerSecurityContext, podSecurityContext } from "../pod-security.ts";
import { type FetchedParts, fetchedFolder, fetchedMount, fetching } from "./fetched-volume.ts";
import { validationSettings } from "./validation-settings.ts";

/** What the Job is made from. */
export interface ValidationJobInput {
  readonly owner: Owner;
  readonly name: string;
  readonly validation: ValidationSpec;
  readonly candidate: ModelSource;
  /** Undefined where it is compared with nothing. */
  readonly baseline: ModelSource | undefined;
  readonly runtime: RuntimeSpec;
  readonly fetch?: FetchSpec | undefined;
  readonly serviceAccountName: string;
  readonly imagePullSecrets?: ModelDeploymentSpec["imagePullSecrets"];
  readonly image: string;
  readonly cudaImage: string;
  readonly imagePullPolicy: string;
}

/** Pods that end badly before the Job does. */
const BACKOFF_LIMIT = 2;
/** Exit codes of `petrel evaluate` that would come again: not passed, set or settings that are wrong, out of time. */
const FINAL_EXIT_CODES = [1, 2, 4];
/** The log of one that failed is kept for so long. */
const KEPT_SECONDS = 86_400;
const SETTINGS_FILE = "settings.json";

/** The Job. */
export function validationJob(input: ValidationJobInput): KubeObject {
  const { owner, validation } = input;
  const labels = { [LABEL.component]: COMPONENT.validation };
  const metadata = childMetadata(owner, input.name, labels);
  const timeoutMilliseconds = parseDurationMilliseconds(validation.timeout ?? DEFAULT_VALIDATION_TIMEOUT);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata,
    spec: {
      backoffLimit: BACKOFF_LIMIT,
      activeDeadlineSeconds: Math.ceil(timeoutMilliseconds / 1_000),
      ttlSecondsAfterFinished: KEPT_SECONDS,
      podFailurePolicy: {
        rules: [
          {
            action: "FailJob",
            onExitCodes: { containerName: CONTAINER.evaluate, operator: "In", values: FINAL_EXIT_CODES },
          },
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
        ],
      },
      template: {
        metadata: {
          labels: { ...metadata.labels, [LABEL.modelDeploymentUid]: owner.uid },
          annotations: {
            [ANNOTATION.validationSettings]: validationSettings(validation, input.baseline !== undefined),
          },
        },
        spec: podSpec(input, timeoutMilliseconds),
      },
    },
  };
}

function podSpec(input: ValidationJobInput, timeoutMilliseconds: number) {
  const parts = partsOf(input);
  const { initContainers, volumes } = fetching(parts);
  return {
    restartPolicy: "Never",
    serviceAccountName: input.serviceAccountName,
    ...(input.imagePullSecrets === undefined ? {} : { imagePullSecrets: input.imagePullSecrets }),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurityContext,
    initContainers,
    containers: [evaluateContainer(input, parts, timeoutMilliseconds)],
    volumes: [
      ...volumes,
      {
        name: "settings",
        downwardAPI: {
          items: [
            {
              path: SETTINGS_FILE,
              fieldRef: { fieldPath: `metadata.annotations['${ANNOTATION.validationSettings}']` },
            },
          ],
        },
      },
      // The set is copied before it is read.
      { name: "tmp", emptyDir: {} },
    ],
  };
}

function partsOf({ validation, candidate, baseline, fetch, ...from }: ValidationJobInput): FetchedParts {
  const { image, imagePullPolicy } = from;
  const { uri, digest } = validation.data;
  const data = { uri, ...(digest === undefined ? {} : { digest }) };
  const input = (model: ModelSource, how = fetch): FetchedInput => ({
    model,
    fetch: how,
    image,
    imagePullPolicy,
  });
  return [
    ["candidate", input(candidate)],
    ...(baseline === undefined ? [] : [["baseline", input(baseline)] as const]),
    ["data", input(data, forTheSet(fetch, uri, candidate.uri))],
  ];
}

/** What authorizes at the model's server is a secret between the two: no other server may see it. */
function forTheSet(fetch: FetchSpec | undefined, uri: string, modelUri: string): FetchSpec | undefined {
  if (fetch === undefined || URL.parse(uri)?.origin === URL.parse(modelUri)?.origin) return fetch;
  const { authorization: _secret, ...others } = fetch;
  return others;
}

function evaluateContainer(input: ValidationJobInput, parts: FetchedParts, timeoutMilliseconds: number) {
  const { validation, runtime, baseline } = input;
  const pool = {
    name: COMPONENT.validation,
    ...(validation.resources === undefined ? {} : { resources: validation.resources }),
  };
  const executionProvider = executionProviderOf(runtime, pool);
  const { path = MODEL_VOLUME.modelFile, format } = validation.data;
  return {
    name: CONTAINER.evaluate,
    image: executionProvider === "CUDA" ? input.cudaImage : input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      "evaluate",
      ...["--model", fetchedFolder("candidate")],
      ...(baseline === undefined ? [] : ["--baseline", fetchedFolder("baseline")]),
      // A file is shown under the name that a model has, whatever it is.
      ...["--data", `${fetchedFolder("data")}/${path}`, "--format", format],
      ...["--settings", `${VALIDATION_MOUNT.settings}/${SETTINGS_FILE}`],
      ...["--termination-log", "/dev/termination-log"],
      ...["--execution-provider", executionProvider],
      ...["--intra-op-threads", String(runtime.intraOpThreads)],
      ...["--timeout", formatDuration(timeoutMilliseconds)],
    ].map(literal),
    resources: containerResources(pool),
    securityContext: containerSecurityContext,
    volumeMounts: [
      ...parts.map(([part, fetched]) => fetchedMount(part, fetched)),
      { name: "settings", mountPath: VALIDATION_MOUNT.settings, readOnly: true },
      { name: "tmp", mountPath: "/tmp" },
    ],
    terminationMessagePolicy: "File",
  };
}
