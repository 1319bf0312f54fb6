/**
 * The Pod Security Standard *restricted*, point by point, on every pod that Petrel makes.
 */
import { describe, expect, test } from "@jest/globals";
import { TEST_SETTINGS, World } from "../../test/fixtures/world.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { decide } from "../core/decide.ts";
import { decideRouters } from "../core/router/decide-routers.ts";

interface Container {
  readonly name: string;
  readonly securityContext?: unknown;
  readonly volumeMounts?: readonly { readonly name: string; readonly readOnly?: boolean }[];
}

interface PodSpec {
  readonly securityContext: unknown;
  readonly automountServiceAccountToken?: boolean;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
}

function podSpecOf(objects: readonly KubeObject[]): PodSpec {
  const deployment = JSON.parse(JSON.stringify(objects.find(({ kind }) => kind === "Deployment")));
  return deployment.spec.template.spec;
}

const routers = decideRouters({
  namespace: "shop",
  modelDeploymentCount: 1,
  standing: new Map(),
  credentials: [],
  settings: TEST_SETTINGS,
});

describe.each([
  ["model servers", podSpecOf(decide(new World().observation()).apply)],
  ["routers", podSpecOf(routers.apply)],
])("pods of %s", (_what, pod) => {
  const containers = [...pod.initContainers, ...pod.containers];

  test("run as a user without rights, under the default seccomp profile", () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65_532,
      seccompProfile: { type: "RuntimeDefault" },
    });
  });

  test("drop all capabilities and cannot gain any, on a root file system that is read-only", () => {
    expect(containers.length).toBeGreaterThan(1);
    for (const { securityContext } of containers) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  test("share nothing with their node, and mount only volumes of their own", () => {
    expect([pod.hostNetwork, pod.hostPID, pod.hostIPC]).toEqual([undefined, undefined, undefined]);
    for (const { name: _name, ...source } of pod.volumes) {
      expect(["emptyDir", "projected"]).toEqual(expect.arrayContaining(Object.keys(source)));
    }
  });

  test("have a token only in a container that talks to the API server", () => {
    expect(pod.automountServiceAccountToken).toBe(false);
    const holders = containers.filter((container) =>
      container.volumeMounts?.some((mount) => mount.name === "api-access"),
    );
    expect(holders.map(({ name }) => name)).toEqual(
      containers.filter(({ name }) => name === "router").map(({ name }) => name),
    );
  });

  test("let only one container write to a volume that two share", () => {
    for (const { name } of pod.volumes) {
      const writers = containers.filter((container) =>
        container.volumeMounts?.some((mount) => mount.name === name && mount.readOnly !== true),
      );
      expect(writers.length).toBeLessThanOrEqual(1);
    }
  });
});
