/**
 * Trials of the alerts on ModelDeployments and on the parts of Petrel.
 */
import { type AlertCase, RANKER, series } from "./alert-case.ts";

const condition = (condition: string, status: string, reason: string) =>
  series("petrel_model_deployment_condition", "operator", {
    namespace: "shop",
    name: "ranker",
    condition,
    status,
    reason,
  });
const router = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  series(`petrel_router_${name}`, "router", { namespace: "shop", ...labels });
const [SHOP, ROUTER] = [{ namespace: "shop" }, { pod: "router-1", petrel_component: "router" }];

/** An alert that fires after its time, and is silent before and while all is well. */
function lasting(
  alert: string,
  bad: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
  well: Readonly<Record<string, string>> = {},
): readonly AlertCase[] {
  return [
    {
      name: `${alert} fires`,
      file: "petrel",
      series: bad,
      alerts: [
        ["0m", alert],
        ["50m", alert, labels],
      ],
    },
    { name: `${alert} is silent`, file: "petrel", series: well, alerts: [["50m", alert]] },
  ];
}

export const PETREL_CASES: readonly AlertCase[] = [
  ...lasting(
    "PetrelNotAvailable",
    {
      [condition("Available", "False", "NoReadyReplica")]: "1x60",
      [condition("Ready", "False", "FetchFailed")]: "1x60",
    },
    RANKER,
    {
      [condition("Available", "False", "ScaledToZero")]: "1x60",
      [condition("Ready", "True", "ScaledToZero")]: "1x60",
    },
  ),
  ...lasting(
    "PetrelNotReady",
    { [condition("Ready", "False", "ReplicasNotReady")]: "1x60" },
    { ...RANKER, reason: "ReplicasNotReady" },
    {
      [condition("Ready", "False", "ReplicasNotReady")]: "1x20",
      [condition("Ready", "True", "Serving")]: "_x20 1x40",
    },
  ),
  ...lasting(
    "PetrelStalled",
    { [condition("Stalled", "True", "RolloutAborted")]: "1x60" },
    { ...RANKER, reason: "RolloutAborted" },
    { [condition("Ready", "True", "Serving")]: "1x60" },
  ),
  ...lasting(
    "PetrelCollectorDown",
    { [condition("EvidenceReady", "False", "CollectorNotReady")]: "1x60" },
    { ...RANKER, reason: "CollectorNotReady" },
    { [condition("EvidenceReady", "True", "Collecting")]: "1x60" },
  ),
  {
    name: "two operators, of which none leads; the leader of others does not count",
    file: "petrel",
    series: {
      [series("leader_election_master_status", "operator", { name: "petrel-operator" })]: "1x10 0x50",
      'leader_election_master_status{name="other-operator",pod="other-1"}': "1x60",
    },
    alerts: [
      ["10m", "PetrelOperatorDown"],
      ["20m", "PetrelOperatorDown", {}],
    ],
  },
  {
    name: "no operator at all",
    file: "petrel",
    series: {},
    alerts: [["6m", "PetrelOperatorDown", {}]],
  },
  ...lasting(
    "PetrelOperatorFails",
    {
      [series("controller_runtime_reconcile_errors_total", "operator", { controller: "modeldeployment" })]:
        "0+10x60",
    },
    { controller: "modeldeployment" },
    {
      [series("controller_runtime_reconcile_errors_total", "operator", { controller: "modeldeployment" })]:
        "0x20 1x40",
    },
  ),
  ...lasting(
    "PetrelUnreadable",
    { [series("petrel_operator_unreadable_model_deployments", "operator", {})]: "2x60" },
    {},
    { [series("petrel_operator_unreadable_model_deployments", "operator", {})]: "0x60" },
  ),
  ...lasting(
    "PetrelTargetDown",
    { [series("up", "collector", SHOP)]: "0x60", 'up{pod="other"}': "0x60" },
    { ...SHOP, pod: "collector-1", petrel_component: "collector" },
    { [series("up", "collector", SHOP)]: "1x20 0x3 1x40" },
  ),
  ...lasting(
    "PetrelRouterWithoutEnvoy",
    { [router("envoy_up")]: "0x60" },
    { ...SHOP, ...ROUTER },
    {
      [router("envoy_up")]: "1x60",
    },
  ),
  ...lasting(
    "PetrelRouterBehind",
    {
      [router("wanted_epoch", { model_deployment: "ranker" })]: "7x60",
      [router("acknowledged_epoch", { model_deployment: "ranker" })]: "6x60",
    },
    { ...RANKER, ...ROUTER },
    {
      [router("wanted_epoch", { model_deployment: "ranker" })]: "6x10 7x50",
      [router("acknowledged_epoch", { model_deployment: "ranker" })]: "6x12 7x48",
    },
  ),
  ...lasting(
    "PetrelPlanRejected",
    { [router("plan_rejected", { model_deployment: "ranker" })]: "1x60" },
    RANKER,
    { [router("plan_rejected", { model_deployment: "ranker" })]: "0x60" },
  ),
  ...lasting("PetrelRouterLost", { [router("lost_peers")]: "1x60" }, SHOP, {
    [router("lost_peers")]: "0x60",
  }),
  ...lasting(
    "PetrelCollectorMissesRouter",
    { [series("petrel_collect_silent_routers", "collector", SHOP)]: "1x60" },
    SHOP,
    { [series("petrel_collect_silent_routers", "collector", SHOP)]: "1x10 0x50" },
  ),
  ...lasting(
    "PetrelCollectorMisconfigured",
    { [series("petrel_collect_configuration_valid", "collector", SHOP)]: "0x60" },
    SHOP,
    { [series("petrel_collect_configuration_valid", "collector", SHOP)]: "1x60" },
  ),
];
