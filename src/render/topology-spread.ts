/**
 * How the pods of one kind spread over nodes and zones.
 *
 * Zones are no second constraint of the spread: the scheduler leaves a node out of it that lacks the label of any one, so
 * where nodes have no zone, which is usual outside clouds, nothing would spread at all.
 */

/** Of the 100 that a preference can have. */
const ZONE_WEIGHT = 100;

/**
 * Fields of a pod's spec by which replicas keep away from each other where they can, so that a node or a zone takes as
 * few as possible along. `matchLabels` are of the pods; those of another template do not count.
 */
export function topologySpread(matchLabels: Readonly<Record<string, string>>) {
  const others = { labelSelector: { matchLabels }, matchLabelKeys: ["pod-template-hash"] };
  return {
    topologySpreadConstraints: [
      {
        topologyKey: "kubernetes.io/hostname",
        maxSkew: 1,
        whenUnsatisfiable: "ScheduleAnyway",
        ...others,
      },
    ],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: ZONE_WEIGHT,
            podAffinityTerm: { topologyKey: "topology.kubernetes.io/zone", ...others },
          },
        ],
      },
    },
  };
}
