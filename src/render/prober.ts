/**
 * The prober of a drill: a Job of one pod that sends its requests as clients do, by the Service, and tells the operator what
 * became of them. It has no token of the API, and ends by itself.
 */
import { formatDuration, parseDurationMilliseconds } from "../api/duration.ts";
import type { FailoverDrillSpec } from "../api/failover-drill.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelDeploymentSpec } from "../api/model-deployment-spec.ts";
import { ANNOTATION, COMPONENT, CONTAINER, LABEL } from "../api/names.ts";
import { childLabels, childMetadata, type Owner } from "./child-metadata.ts";
import { SERVICE_PORT } from "./model-deployment-children.ts";
import { literal } from "./model-servers/fetch-container.ts";
import { type OperatorPods, operatorPeer } from "./operator-pods.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";

/** Port on which a prober tells its counts. */
export const PROBER_PORT = 9_400;

/** Where it tells them to whoever knows its `key`, in the form of `src/api/probe-record.ts`. */
export const PROBE_RECORD_PATH = "/record";

const BODY = { folder: "/etc/petrel/probe", file: "body" } as const;
/** Its log is kept for so long, should nobody remove it. */
const KEPT_SECONDS = 3_600;
/** A prober that waits for a processor measures itself. */
const RESOURCES = {
  requests: { cpu: "250m", memory: "128Mi" },
  limits: { memory: "256Mi" },
};

/** What the Job is made from. */
export interface ProberJobInput {
  readonly owner: Owner;
  readonly name: string;
  readonly drill: { readonly uid: string; readonly spec: FailoverDrillSpec };
  readonly key: string;
  /** How long it counts at most. */
  readonly longestMilliseconds: number;
  /** How long it may take to begin. */
  readonly startMilliseconds: number;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets?: ModelDeploymentSpec["imagePullSecrets"];
}

/** The Job. What a pod of it has counted nobody else can go on with: there is no second one. */
export function proberJob(input: ProberJobInput): KubeObject {
  const { owner, drill, longestMilliseconds, startMilliseconds } = input;
  const metadata = childMetadata(owner, input.name, { [LABEL.component]: COMPONENT.prober });
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata,
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil((longestMilliseconds + startMilliseconds) / 1_000),
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: {
        metadata: {
          labels: {
            ...metadata.labels,
            [LABEL.modelDeploymentUid]: owner.uid,
            [LABEL.drill]: drill.uid,
          },
          annotations: { [ANNOTATION.probeBody]: drill.spec.probe.body },
        },
        spec: podSpec(input),
      },
    },
  };
}

function podSpec({ imagePullSecrets, ...input }: ProberJobInput) {
  const fieldPath = `metadata.annotations['${ANNOTATION.probeBody}']`;
  return {
    restartPolicy: "Never",
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurityContext,
    containers: [
      {
        name: CONTAINER.probe,
        image: input.image,
        imagePullPolicy: input.imagePullPolicy,
        args: probeArguments(input).map(literal),
        ports: [{ name: "http", containerPort: PROBER_PORT }],
        resources: RESOURCES,
        securityContext: containerSecurityContext,
        volumeMounts: [{ name: "body", mountPath: BODY.folder, readOnly: true }],
      },
    ],
    volumes: [{ name: "body", downwardAPI: { items: [{ path: BODY.file, fieldRef: { fieldPath } }] } }],
  };
}

function probeArguments({ owner, drill, key, longestMilliseconds }: ProberJobInput): readonly string[] {
  const { fault, probe } = drill.spec;
  const duration = (text: string) => formatDuration(parseDurationMilliseconds(text));
  return [
    "probe",
    ...["--host", `${owner.name}.${owner.namespace}`, "--port", String(SERVICE_PORT)],
    ...["--path", probe.path, "--body-file", `${BODY.folder}/${BODY.file}`],
    ...["--key", key, "--pool", fault.pool, "--fault", fault.type],
    ...["--per-second", String(probe.perSecond)],
    ...["--timeout", duration(probe.timeout), "--slow-after", duration(probe.slowAfter)],
    ...["--longest", formatDuration(longestMilliseconds), "--http-port", String(PROBER_PORT)],
  ];
}

/** Nobody but operators asks a prober. */
export function probersPolicy(
  owner: Owner,
  name: string,
  operatorPods: OperatorPods | undefined,
): KubeObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMetadata(owner, name, { [LABEL.component]: COMPONENT.prober }),
    spec: {
      podSelector: { matchLabels: { ...childLabels(owner), [LABEL.component]: COMPONENT.prober } },
      policyTypes: ["Ingress"],
      ingress:
        operatorPods === undefined
          ? []
          : [{ from: [operatorPeer(operatorPods)], ports: [{ port: PROBER_PORT, protocol: "TCP" }] }],
    },
  };
}
