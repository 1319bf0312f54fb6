/**
 * The objects of a namespace's collector: it counts impressions, takes labels, and keeps the evidence on a volume.
 *
 * They belong to the namespace, not to one ModelDeployment. Its keys and settings are one Secret, of which everybody
 * mounts only what is theirs: the collector the roots, a router what opens the collector, a model server the key of its
 * own revision.
 */
import type { JsonRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import type { TrainingLogSpec } from "../api/training-log.ts";
import { COLLECTOR_KEY, COLLECTOR_NAME, COLLECTOR_PORT } from "./collector-names.ts";
import { type CollectorPods, collectorResources, type Storage } from "./collector-pods.ts";
import { labelLogMounts, labelLogVolumes } from "./label-logs.ts";
import { type OperatorPods, operatorPeer } from "./operator-pods.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { routerLabels } from "./router.ts";
import { routerPlacement } from "./router-pods.ts";

const FILES = "/etc/petrel/collector";
const EVIDENCE = "/var/lib/petrel/evidence";

/** What the objects are made from. */
export interface CollectorInput {
  readonly namespace: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly pods: CollectorPods;
  readonly storage: Storage;
  /** How long after its prediction a label is still taken. */
  readonly retentionHours: number;
  /** Logs of labels for training, of all ModelDeployments that keep one; none unless given. */
  readonly logs?: readonly TrainingLogSpec[];
  readonly metricsScrapers: readonly JsonRecord[];
  /** Who reads the evidence for the gates of releases; nobody unless given. */
  readonly operatorPods?: OperatorPods;
  /** Texts of the Secret, by key. */
  readonly files: Readonly<Record<string, string>>;
}

/** Labels of every object of the collector. */
export const collectorLabels = {
  [LABEL.managedBy]: MANAGED_BY,
  [LABEL.component]: COMPONENT.collector,
} as const;

/** Of every ModelDeployment of the namespace. */
const modelServerPods = { [LABEL.managedBy]: MANAGED_BY, [LABEL.component]: COMPONENT.modelServer };

function metadata({ namespace }: Pick<CollectorInput, "namespace">) {
  return { name: COLLECTOR_NAME, namespace, labels: collectorLabels };
}

function servicePort(name: keyof typeof COLLECTOR_PORT) {
  return { name, port: COLLECTOR_PORT[name], targetPort: COLLECTOR_PORT[name], protocol: "TCP" };
}

/**
 * Labels come through the routers, and so do impressions; model servers tell of mirrored requests, and the operator reads the
 * evidence.
 */
function policy(input: CollectorInput): KubeObject {
  const port = (number: number) => ({ port: number, protocol: "TCP" });
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadata(input),
    spec: {
      podSelector: { matchLabels: collectorLabels },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: routerLabels } }],
          ports: [port(COLLECTOR_PORT.feedback), port(COLLECTOR_PORT.internal)],
        },
        { from: [{ podSelector: { matchLabels: modelServerPods } }], ports: [port(COLLECTOR_PORT.feedback)] },
        ...(input.operatorPods === undefined
          ? []
          : [{ from: [operatorPeer(input.operatorPods)], ports: [port(COLLECTOR_PORT.internal)] }]),
        // A rule without peers would let everybody in.
        ...(input.metricsScrapers.length === 0
          ? []
          : [{ from: input.metricsScrapers, ports: [port(COLLECTOR_PORT.http)] }]),
      ],
    },
  };
}

function secret(input: CollectorInput): KubeObject {
  const data = Object.entries(input.files).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata(input),
    type: "Opaque",
    data: Object.fromEntries(data),
  };
}

function container({ image, imagePullPolicy, pods, retentionHours, logs = [] }: CollectorInput) {
  const probe = (path: string) => ({ httpGet: { path, port: "http" } });
  const port = (name: keyof typeof COLLECTOR_PORT) => ({
    name,
    containerPort: COLLECTOR_PORT[name],
    protocol: "TCP",
  });
  return {
    name: "collect",
    image,
    imagePullPolicy,
    args: [
      "collect",
      `--file=${EVIDENCE}/evidence.db`,
      `--settings=${FILES}/${COLLECTOR_KEY.settings}`,
      `--keys=${FILES}/${COLLECTOR_KEY.keys}`,
      `--access-tokens=${FILES}/${COLLECTOR_KEY.accessTokens}`,
      `--retention=${retentionHours}h`,
    ],
    ports: [port("feedback"), port("internal"), port("http")],
    resources: collectorResources(pods),
    securityContext: containerSecurityContext,
    // A large file takes its time to be opened after a loss of power.
    startupProbe: { ...probe("/healthz"), periodSeconds: 1, failureThreshold: 300 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe("/healthz"), periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      { name: "evidence", mountPath: EVIDENCE },
      { name: "files", mountPath: FILES, readOnly: true },
      { name: "temporary", mountPath: "/tmp" },
      ...labelLogMounts(logs),
    ],
  };
}

/** One pod: the file has one writer, and its volume can be in one place. */
function statefulSet(input: CollectorInput): KubeObject {
  const { pods, storage } = input;
  const items = [COLLECTOR_KEY.settings, COLLECTOR_KEY.keys, COLLECTOR_KEY.accessTokens];
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadata(input),
    spec: {
      replicas: 1,
      serviceName: COLLECTOR_NAME,
      selector: { matchLabels: collectorLabels },
      revisionHistoryLimit: 2,
      template: {
        metadata: { labels: collectorLabels },
        spec: {
          serviceAccountName: COLLECTOR_NAME,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurityContext,
          terminationGracePeriodSeconds: 30,
          ...routerPlacement(pods),
          containers: [container(input)],
          volumes: [
            {
              name: "files",
              secret: { secretName: COLLECTOR_NAME, items: items.map((key) => ({ key, path: key })) },
            },
            { name: "temporary", emptyDir: { sizeLimit: "256Mi" } },
            ...labelLogVolumes(input.logs ?? []),
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "evidence", labels: collectorLabels },
          spec: {
            accessModes: ["ReadWriteOnce"],
            resources: { requests: { storage: storage.size } },
            ...(storage.className === undefined ? {} : { storageClassName: storage.className }),
          },
        },
      ],
    },
  };
}

/** All objects of the collector, in the order in which they must be made. */
export function collectorObjects(input: CollectorInput): readonly KubeObject[] {
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: metadata(input),
      automountServiceAccountToken: false,
    },
    policy(input),
    secret(input),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(input),
      spec: {
        type: "ClusterIP",
        selector: collectorLabels,
        ports: [servicePort("feedback"), servicePort("internal"), servicePort("http")],
      },
    },
    statefulSet(input),
  ];
}
