/**
 * Pods that run a script in Node, under PodSecurity `restricted`: callers and answerers of the scenarios.
 */

/** What a {@link scriptPod} is made of. */
export interface ScriptPodOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** An image with Node that the nodes have already. */
  readonly image: string;
  /** Run by `node --eval`. */
  readonly script: string;
  /** Whole GPUs that it asks for; none unless given. */
  readonly gpus?: number;
}

/** A pod to apply; it is started again when its script fails, and goes at once when deleted. */
export function scriptPod(name: string, options: ScriptPodOptions): object {
  const { namespace, labels, image, script, gpus } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: labels ?? {} },
    spec: {
      restartPolicy: "OnFailure",
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "main",
          image,
          imagePullPolicy: "Never",
          command: ["node", "--eval", script],
          ...(gpus === undefined ? {} : { resources: { limits: { "nvidia.com/gpu": gpus } } }),
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            readOnlyRootFilesystem: true,
          },
        },
      ],
    },
  };
}
