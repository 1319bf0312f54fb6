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
  /** What part of Petrel an object is: one of {@link COMPONENT}. */
  component: `${API_GROUP}/component`,
  /** Standard Kubernetes labels. */
  managedBy: "app.kubernetes.io/managed-by",
  name: "app.kubernetes.io/name",
} as const;

/** Values of the label {@link LABEL.component}. */
export const COMPONENT = { modelServer: "model-server", router: "router" } as const;

/** Annotation keys. */
export const ANNOTATION = {
  /** On a router's EndpointSlice: the epoch of the traffic plan that its Envoy has acknowledged. */
  acknowledgedEpoch: `${API_GROUP}/acknowledged-epoch`,
  /** On a router's EndpointSlice: why its Envoy rejected the plan; absent when it did not. */
  rejection: `${API_GROUP}/rejection`,
} as const;

/** Value of {@link LABEL.managedBy} on every object that Petrel makes. */
export const MANAGED_BY = "petrel";

/** Container names of a model pod. */
export const CONTAINER = { fetch: "fetch", serve: "serve", router: "router", envoy: "envoy" } as const;

/** TCP ports of a model pod. */
export const MODEL_POD_PORT = {
  /** Open Inference Protocol over HTTP/1.1, and the health endpoints. */
  rest: 8080,
  /** Open Inference Protocol over gRPC (HTTP/2 without TLS). */
  grpc: 8081,
  /** Prometheus metrics on `/metrics`. */
  metrics: 9090,
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
