/**
 * Names that more than one program of Petrel must agree on: the API group, labels, annotations,
 * container names, ports and paths inside a model pod.
 *
 * They are a wire format: objects in a cluster carry them, so a value changes only with a migration.
 */

/** API group of all custom resources. */
export const API_GROUP = "petrel.dev";
/** Served and stored version of all custom resources. */
export const API_VERSION = "v1alpha1";
/** `apiVersion` of all custom resources. */
export const API_GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;

/** Label and annotation keys. Values of labels are bounded to 63 characters by Kubernetes. */
export const LABEL = {
  /** Name of the ModelDeployment; it is short enough, by a rule of the schema. */
  modelDeployment: `${API_GROUP}/model-deployment`,
  /** Name of the pool. */
  pool: `${API_GROUP}/pool`,
  /** Name of the ControllerRevision that the pod serves. */
  modelRevision: `${API_GROUP}/model-revision`,
  /** On pods: uid of the ModelDeployment. A pod without it belongs to whichever has its name. */
  modelDeploymentUid: `${API_GROUP}/model-deployment-uid`,
  /** On pods: hash of the template that the pod was made from. A pod without it is of no template that is known. */
  podTemplate: `${API_GROUP}/pod-template`,
  /** On the pod of a prober: uid of the FailoverDrill. */
  drill: `${API_GROUP}/drill`,
  /** What part of Petrel an object is: one of {@link COMPONENT}. */
  component: `${API_GROUP}/component`,
  /** Standard Kubernetes labels. */
  managedBy: "app.kubernetes.io/managed-by",
  name: "app.kubernetes.io/name",
} as const;

/** Values of the label {@link LABEL.component}. */
export const COMPONENT = {
  modelServer: "model-server",
  router: "router",
  collector: "collector",
  /** On a ControllerRevision that keeps the pod template of model servers. */
  podRevision: "pod-revision",
  /** On a ControllerRevision that keeps what autoscaling has learned of the load. */
  loadMemory: "load-memory",
  /** The Job that judges a model before it gets traffic, and its pods. */
  validation: "validation",
  /** The Job of the prober of a drill, and its pod. */
  prober: "prober",
} as const;

/** Annotation keys. */
export const ANNOTATION = {
  /**
   * On a ModelDeployment, written by people: whenever its value changes, the pods are made anew from the template of
   * the operator that runs.
   */
  refresh: `${API_GROUP}/refresh`,
  /** On a ModelDeployment, written by people: another value begins an aborted release anew. */
  retry: `${API_GROUP}/retry`,
  /**
   * On a ModelDeployment, written by people: another value takes the traffic back to the revision that served before,
   * or to the one that it names after a blank.
   */
  undo: `${API_GROUP}/undo`,
  /** On the Deployment of model servers: name of the ControllerRevision that keeps its pod template. */
  podRevision: `${API_GROUP}/pod-revision`,
  /** On the pods of a validation: the settings of `petrel evaluate`, which its container sees as a file. */
  validationSettings: `${API_GROUP}/validation-settings`,
  /** On the pod of a prober: the body of its requests, which its container sees as a file. */
  probeBody: `${API_GROUP}/probe-body`,
  /** On a router's EndpointSlice: the epoch of the traffic plan that its Envoy has acknowledged. */
  acknowledgedEpoch: `${API_GROUP}/acknowledged-epoch`,
  /** On a router's EndpointSlice: why its Envoy rejected the plan; absent when it did not. */
  rejection: `${API_GROUP}/rejection`,
  /** On a router's EndpointSlice: what is wrong with a Secret or ConfigMap that the plan needs; absent when all is well. */
  credentialProblem: `${API_GROUP}/credential-problem`,
  /** On the pods of model servers that are observed: the file of settings of the sidecar, as the kubelet shows it to both. */
  sidecarSettings: `${API_GROUP}/sidecar-settings`,
  /** On a router's EndpointSlice: there while that router is about to mark another one as lost. */
  marking: `${API_GROUP}/marking`,
} as const;

/** Names of the ports of a traffic Service and of its EndpointSlices, by which Kubernetes joins them. */
export const TRAFFIC_PORT_NAME = { plain: "http", tls: "https" } as const;

/** Label by which the EndpointSlices of routers are found. The value is Kubernetes' hint who must not touch them. */
export const SLICE_MANAGER = {
  label: "endpointslice.kubernetes.io/managed-by",
  value: `router.${API_GROUP}`,
} as const;

/** Value of {@link LABEL.managedBy} on every object that Petrel makes. */
export const MANAGED_BY = "petrel";

/** Container names of a model pod. */
export const CONTAINER = {
  fetch: "fetch",
  sidecar: "sidecar",
  serve: "serve",
  evaluate: "evaluate",
  probe: "probe",
  router: "router",
  envoy: "envoy",
} as const;

/** What a model server was about when it ended, as the field `check` of its termination message. */
export const SERVE_CHECK = {
  listen: "Listen",
  /** The execution provider cannot be used, whatever the model. */
  executionProvider: "ExecutionProvider",
  load: "Load",
  run: "Run",
} as const;

/** One of {@link SERVE_CHECK}. */
export type ServeCheck = (typeof SERVE_CHECK)[keyof typeof SERVE_CHECK];

/** TCP ports of a model pod. */
export const MODEL_POD_PORT = {
  /** Open Inference Protocol over HTTP/1.1, and the health endpoints. */
  rest: 8080,
  /** Open Inference Protocol over gRPC (HTTP/2 without TLS). */
  grpc: 8081,
  /** Liveness alone, answered beside the main thread. */
  liveness: 8082,
  /** Prometheus metrics on `/metrics`. */
  metrics: 9090,
  /** The same of the sidecar, where there is one. */
  sidecar: 9091,
  /** REST and gRPC of a sidecar that stands before a foreign runtime: requests reach the pod there. */
  inlineRest: 9092,
  inlineGrpc: 9093,
} as const;

/** Where the model lies in a model pod: `fetch` makes this directory appear, complete, and `serve` reads it. */
export const MODEL_VOLUME = {
  /** Mount path of the volume that `fetch` and `serve` share. */
  mountPath: "/var/lib/petrel",
  /** The verified model: a directory. It exists only once every check has passed. */
  modelDirectory: "/var/lib/petrel/model",
  /** File name of a single-file ONNX model in {@link modelDirectory}, whatever its name at the source. */
  modelFile: "model.onnx",
} as const;

/** Where a model server that is not Petrel's sees the model: a directory called after the ModelDeployment, as Triton has it. */
export const MODEL_REPOSITORY = "/models";

/** What only `fetch` sees: paths of its own mounts. */
export const FETCH_MOUNT = {
  /** A folder for each Secret that the spec names, with a file for each key. */
  secrets: "/etc/petrel/secrets",
  /** The same for ConfigMaps. */
  configMaps: "/etc/petrel/configmaps",
  /** The pod's identity for a store. */
  identity: "/etc/petrel/identity",
  /** A folder for each claim of a `pvc:` URI, read-only. */
  claims: "/var/lib/petrel-claims",
  /** The claim of the cache. */
  cache: "/var/lib/petrel-cache",
} as const;

/** Paths of the pod of a validation. */
export const VALIDATION_MOUNT = {
  /** What was fetched, each below a folder of its own. */
  fetched: {
    candidate: "/var/lib/petrel-validation/candidate",
    baseline: "/var/lib/petrel-validation/baseline",
    data: "/var/lib/petrel-validation/data",
  },
  settings: "/etc/petrel/validation",
} as const;
