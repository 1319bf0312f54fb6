/**
 * A real Ingress and Gateway API controller in a test's namespace: Contour, and the Envoy that it drives. As pure
 * objects, and one function that puts them there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { Authority } from "../test/apiserver/router-envoy/credentials.ts";
import { contourImage, envoyImage, moduleFolder, type Progress } from "./cluster/index.ts";
import type { Scenario } from "./scenario.ts";

/** Name of the Gateway; examples call yours the same. */
export const GATEWAY = "public";
/** Name of the Service that stands for the address of the door. */
export const DOOR = "door";
const XDS_PORT = 8001;
/** Where Contour lets Envoy listen for port 80 of a Gateway. */
const DOOR_PORT = 8080;
/** Secret with the door's certificate. */
const CERTIFICATE = "door-tls";

interface Images {
  readonly contour: string;
  readonly envoy: string;
}

const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  seccompProfile: { type: "RuntimeDefault" },
};
const containerSecurity = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

function deployment(name: string, podSpec: object): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { securityContext: podSecurity, ...podSpec } },
    },
  };
}

function service(name: string, app: string, port: number, targetPort: number): object {
  const metadata = { name };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { selector: { app }, ports: [{ port, targetPort }] },
  };
}

function contour(namespace: string, image: string): readonly object[] {
  const configuration = { gateway: { gatewayRef: { namespace, name: GATEWAY } } };
  const volume = { name: "configuration", configMap: { name: "contour" } };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "contour" } },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "contour" },
      data: { "contour.yaml": JSON.stringify(configuration) },
    },
    deployment("contour", {
      serviceAccountName: "contour",
      volumes: [volume],
      containers: [
        {
          name: "contour",
          image,
          args: [
            "serve",
            "--incluster",
            "--insecure",
            "--disable-leader-election",
            "--xds-address=0.0.0.0",
            `--xds-port=${XDS_PORT}`,
            "--config-path=/config/contour.yaml",
            // Kinds that the Gateway API has not in its standard channel.
            ...["backendtlspolicies", "tcproutes", "tlsroutes"].map((kind) => `--disable-feature=${kind}`),
            `--watch-namespaces=${namespace}`,
          ],
          env: [{ name: "CONTOUR_NAMESPACE", value: namespace }],
          securityContext: containerSecurity,
          volumeMounts: [{ name: "configuration", mountPath: "/config", readOnly: true }],
        },
      ],
    }),
    service("contour", "contour", XDS_PORT, XDS_PORT),
  ];
}

function door(namespace: string, images: Images): readonly object[] {
  const config = { name: "config", mountPath: "/config" };
  const admin = { name: "admin", mountPath: "/admin" };
  const bootstrap = ["/config/envoy.json", "--xds-address=contour", `--xds-port=${XDS_PORT}`];
  return [
    deployment("door", {
      volumes: [
        { name: "config", emptyDir: {} },
        { name: "admin", emptyDir: {} },
      ],
      initContainers: [
        {
          name: "bootstrap",
          image: images.contour,
          args: ["bootstrap", ...bootstrap, "--resources-dir=/config/resources"],
          env: [{ name: "CONTOUR_NAMESPACE", value: namespace }],
          securityContext: containerSecurity,
          volumeMounts: [config],
        },
      ],
      containers: [
        {
          name: "envoy",
          image: images.envoy,
          args: ["-c", "/config/envoy.json", "--service-cluster", namespace, "--service-node", "door"],
          readinessProbe: { httpGet: { path: "/ready", port: 8002 }, periodSeconds: 1 },
          securityContext: containerSecurity,
          volumeMounts: [config, admin],
        },
      ],
    }),
    service(DOOR, "door", 80, DOOR_PORT),
  ];
}

/**
 * A Gateway that listens without TLS and with it, as those that face the world do. It must have both: of an Ingress
 * rule, Contour 1.33 takes only the first path where no listener has TLS.
 */
async function gateway(namespace: string): Promise<readonly object[]> {
  const apiVersion = "gateway.networking.k8s.io/v1";
  const authority = await Authority.create();
  const { certificate, key } = await authority.sign(DOOR).finally(() => authority.remove());
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: CERTIFICATE },
      stringData: { "tls.crt": certificate, "tls.key": key },
    },
    {
      apiVersion,
      kind: "GatewayClass",
      metadata: { name: namespace },
      spec: { controllerName: "projectcontour.io/gateway-controller" },
    },
    {
      apiVersion,
      kind: "Gateway",
      metadata: { name: GATEWAY },
      spec: {
        gatewayClassName: namespace,
        listeners: [
          { name: "http", protocol: "HTTP", port: 80 },
          { name: "https", protocol: "HTTPS", port: 443, tls: { certificateRefs: [{ name: CERTIFICATE }] } },
        ],
      },
    },
  ];
}

/** The rights that Contour's own manifests give it, for the account in this namespace. */
async function rights(namespace: string): Promise<readonly object[]> {
  const manifest = join(await moduleFolder("contour"), "examples/contour/02-role-contour.yaml");
  const [first = ""] = readFileSync(manifest, "utf8")
    .split(/^---$/m)
    .filter((text) => /^kind: ClusterRole$/m.test(text));
  const apiGroup = "rbac.authorization.k8s.io";
  const apiVersion = `${apiGroup}/v1`;
  return [
    { ...parse(first), metadata: { name: namespace } },
    {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata: { name: namespace },
      roleRef: { apiGroup, kind: "ClusterRole", name: namespace },
      subjects: [{ kind: "ServiceAccount", name: "contour", namespace }],
    },
  ];
}

/** Puts a door into a scenario's namespace and waits until it stands. */
export async function openDoor(scenario: Scenario, progress: Progress): Promise<void> {
  const { cluster, namespace } = scenario;
  const built = [await contourImage(progress), await envoyImage(progress)] as const;
  for (const { archive } of built) await cluster.loadImage(archive);
  const images = { contour: built[0].name, envoy: built[1].name };
  const definitions = [
    join(await moduleFolder("contour"), "examples/contour/01-crds.yaml"),
    join(await moduleFolder("gateway-api"), "config/crd/standard"),
  ];
  for (const path of definitions) await cluster.kubectl(["apply", "--server-side", "-f", path]);
  await cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  const objects = [
    ...(await rights(namespace)),
    ...(await gateway(namespace)),
    ...contour(namespace, images.contour),
    ...door(namespace, images),
  ];
  await scenario.apply({ apiVersion: "v1", kind: "List", items: objects });
  for (const name of ["contour", "door"]) {
    await scenario.kubectl("rollout", "status", `deployment/${name}`, "--timeout=120s");
  }
}

/** Removes what a door has outside its namespace. */
export async function closeDoor({ cluster, namespace }: Scenario): Promise<void> {
  const names = ["clusterrole", "clusterrolebinding", "gatewayclass"].map((kind) => `${kind}/${namespace}`);
  await cluster.kubectl(["delete", "--ignore-not-found", ...names]);
}
