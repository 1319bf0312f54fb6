/**
 * All that Envoy needs for one ModelDeployment, from its traffic plan.
 *
 * The parts are kept apart because they take effect at different moments: clusters and endpoints first, the
 * routes once those are warm. Endpoints follow the pods, everything else the plan alone.
 */
import { contentHash } from "../../api/content-hash.ts";
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { PlannedPool, TrafficPlan } from "../../api/traffic-plan.ts";
import { type ClusterInput, type NamedCluster, type Protocol, renderCluster } from "./cluster.ts";
import type { SecretFile } from "./door.ts";
import { renderFaultListener, standInPool, standIns } from "./drill.ts";
import { type ModelServerEndpoint, renderEndpoints } from "./endpoints.ts";
import type { ConfigurationLayout } from "./layout.ts";
import { renderListener } from "./listener.ts";
import { type ResourceFile, resourceFile, type TypedMessage } from "./resource.ts";
import { type RouteInput, renderRoutes } from "./route.ts";

/** A cluster and what its endpoints follow from. */
export interface PlannedCluster extends NamedCluster {
  readonly pools: readonly PlannedPool[];
  readonly protocol: Protocol;
  /** In the place of the servers of a pool. */
  readonly standIns?: readonly ModelServerEndpoint[];
}

/** The rendered plan of one ModelDeployment. */
export interface TrafficConfiguration {
  readonly modelDeployment: string;
  readonly epoch: number;
  readonly port: number;
  readonly timeoutMilliseconds: number;
  readonly clusters: readonly PlannedCluster[];
  readonly listener: TypedMessage;
  /** Where the fault of a drill is; absent while there is no drill. */
  readonly faultListener?: TypedMessage;
  /** Files that the listener refers to. */
  readonly secrets: readonly SecretFile[];
  /** Equal for equal listeners, that of the fault included. */
  readonly listenerHash: string;
  /** The version names epoch and content, so Envoy's report of it tells the plan that is in effect. */
  readonly routes: ResourceFile;
}

/** What every router of a pod renders with. */
export interface RenderSettings {
  readonly layout: ConfigurationLayout;
  /** Wildcard address of the pod's IP family: `0.0.0.0` or `::`. */
  readonly address: string;
  /** Ports of a model pod. */
  readonly ports: Readonly<Record<Protocol, number>>;
}

/** Renders a valid plan. */
export function renderTraffic(
  modelDeployment: string,
  plan: TrafficPlan,
  { layout, address }: Omit<RenderSettings, "ports">,
): TrafficConfiguration {
  const timeoutMilliseconds = parseDurationMilliseconds(plan.timeout);
  const perTryTimeoutMilliseconds = parseDurationMilliseconds(plan.perTryTimeout);
  const clusters: PlannedCluster[] = [];
  const clustersOf = (
    arm: ClusterInput["arm"],
    standIns?: readonly ModelServerEndpoint[],
  ): Readonly<Record<Protocol, string>> => {
    const clusterOf = (protocol: Protocol): string => {
      const cluster = renderCluster({ modelDeployment, arm, protocol, perTryTimeoutMilliseconds, layout });
      const inPlace = standIns === undefined ? {} : { standIns };
      clusters.push({ ...cluster, pools: arm.pools, protocol, ...inPlace });
      return cluster.name;
    };
    return { rest: clusterOf("rest"), grpc: clusterOf("grpc") };
  };
  const arms = plan.arms.map((arm) => ({ name: arm.name, weight: arm.weight, clusters: clustersOf(arm) }));
  const mirror =
    plan.mirror === undefined
      ? undefined
      : { share: plan.mirror.share, clusters: clustersOf({ name: "Mirror", pools: plan.mirror.pools }) };
  const drill = drillOf(modelDeployment, plan, timeoutMilliseconds, clustersOf);
  // A router that was started without a collector carries out the rest of the plan; its answers are not counted.
  const feedback = layout.accessLog === undefined ? undefined : plan.feedback;
  const { epoch, port, stickiness } = plan;
  const routes = renderRoutes({
    modelDeployment,
    epoch,
    timeoutMilliseconds,
    perTryTimeoutMilliseconds,
    arms,
    ...(feedback === undefined ? {} : { feedback }),
    ...(stickiness === undefined ? {} : { stickiness }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(drill === undefined ? {} : { drill: drill.routed }),
  });
  const { resource: listener, secrets } = renderListener({
    modelDeployment,
    address,
    port,
    door: plan,
    isCounted: feedback !== undefined,
    layout,
  });
  return {
    modelDeployment,
    epoch,
    port,
    timeoutMilliseconds,
    clusters,
    listener,
    ...(drill === undefined ? {} : { faultListener: drill.listener }),
    secrets,
    listenerHash: contentHash(drill === undefined ? listener : [listener, drill.listener]),
    routes: resourceFile([routes], epoch),
  };
}

/** What a drill needs: three clusters for each protocol, and the listener of the stand-ins. */
function drillOf(
  modelDeployment: string,
  { drill, arms: [arm] }: TrafficPlan,
  timeoutMilliseconds: number,
  clustersOf: (
    arm: ClusterInput["arm"],
    standIns?: readonly ModelServerEndpoint[],
  ) => Readonly<Record<Protocol, string>>,
): { readonly routed: NonNullable<RouteInput["drill"]>; readonly listener: TypedMessage } | undefined {
  const [first, ...behind] = arm?.pools ?? [];
  if (drill === undefined || first === undefined) return undefined;
  const target = standInPool(first);
  const inPlace = standIns(modelDeployment, target);
  const probes = clustersOf({ name: "Probes", pools: [target, ...behind] }, inPlace);
  const witnesses = clustersOf({ name: "Witnesses", pools: [target] }, inPlace);
  const clusters = clustersOf({ name: "Target", pools: [first] });
  return {
    routed: { ...drill, probes, witnesses },
    listener: renderFaultListener({ modelDeployment, clusters, timeoutMilliseconds }),
  };
}

/**
 * Endpoint files by cluster, with what they were rendered from. Each step of the router asks for the files of
 * all clusters, and few have changed: the same objects give the same file.
 */
const rendered = new WeakMap<PlannedCluster, { readonly endpoints: unknown; readonly file: ResourceFile }>();

/** The endpoint file of a cluster, for the pods that may get traffic. */
export function endpointFile(
  cluster: PlannedCluster,
  endpoints: readonly ModelServerEndpoint[],
  { ports }: Pick<RenderSettings, "ports">,
): ResourceFile {
  const known = rendered.get(cluster);
  if (known?.endpoints === endpoints) return known.file;
  const portOf = (endpoint: ModelServerEndpoint) => (endpoint.ports ?? ports)[cluster.protocol];
  const file = resourceFile([
    renderEndpoints(cluster.name, cluster.pools, withStandIns(cluster, endpoints), portOf),
  ]);
  rendered.set(cluster, { endpoints, file });
  return file;
}

function withStandIns(
  { pools: [target], standIns }: PlannedCluster,
  endpoints: readonly ModelServerEndpoint[],
): readonly ModelServerEndpoint[] {
  if (standIns === undefined) return endpoints;
  const others = endpoints.filter(
    ({ pool, revision }) => pool !== target?.pool || revision !== target.revision,
  );
  return [...standIns, ...others];
}
