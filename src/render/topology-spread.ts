/** How the pods of one kind spread over nodes and zones. */

/** Replicas keep away from each other where they can, so that a node or a zone takes as few as possible along. */
export function topologySpread(matchLabels: Readonly<Record<string, string>>) {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels },
    matchLabelKeys: ["pod-template-hash"],
  }));
}
