/**
 * The command lines of the control plane's programs: pure. The same for a cluster and for a control plane alone.
 *
 * Only Kubernetes' own defaults are tested against: no admission plugin or feature gate is switched here.
 */
import { join } from "node:path";
import type { ControlPlaneKeys } from "./pki.ts";
import type { Daemon } from "./processes.ts";
import type { Toolchain } from "./toolchain/build.ts";

/** Where a control plane runs and listens. */
export interface ControlPlaneSettings {
  readonly id: string;
  readonly folder: string;
  readonly logs: string;
  readonly keys: ControlPlaneKeys;
  readonly tools: Toolchain;
  /** What stands before each program to put it into its network namespace. */
  readonly within: readonly string[];
  /** Where the apiserver listens, and what it tells others to use. */
  readonly bindAddress: string;
  readonly advertiseAddress: string;
  readonly ports: { readonly etcd: number; readonly etcdPeer: number; readonly apiserver: number };
  readonly serviceRange: string;
  readonly apiserverFlags: readonly string[];
}

function daemon(
  settings: ControlPlaneSettings,
  role: string,
  program: string,
  args: readonly string[],
): Daemon {
  const { id, within, logs } = settings;
  return {
    id,
    role,
    within,
    program: settings.tools.program(program),
    args,
    logFile: join(logs, `${role}.log`),
  };
}

/** etcd, without waiting for the disk: the data of a test need not survive the machine. */
export function etcd(settings: ControlPlaneSettings): Daemon {
  const { keys, ports } = settings;
  const client = `https://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return daemon(settings, "etcd", "server", [
    "--name=default",
    `--data-dir=${join(settings.folder, "etcd")}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    `--cert-file=${keys.etcd.certificate}`,
    `--key-file=${keys.etcd.key}`,
    `--trusted-ca-file=${keys.etcdAuthority.certificate}`,
    "--client-cert-auth",
    "--unsafe-no-fsync",
    "--log-level=warn",
  ]);
}

/** kube-apiserver with RBAC and the Node authorizer. */
export function apiserver(settings: ControlPlaneSettings): Daemon {
  const { keys, ports } = settings;
  return daemon(settings, "kube-apiserver", "kube-apiserver", [
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    `--etcd-cafile=${keys.etcdAuthority.certificate}`,
    `--etcd-certfile=${keys.etcdClient.certificate}`,
    `--etcd-keyfile=${keys.etcdClient.key}`,
    `--bind-address=${settings.bindAddress}`,
    `--advertise-address=${settings.advertiseAddress}`,
    `--secure-port=${ports.apiserver}`,
    `--tls-cert-file=${keys.apiserver.certificate}`,
    `--tls-private-key-file=${keys.apiserver.key}`,
    `--client-ca-file=${keys.authority.certificate}`,
    `--kubelet-certificate-authority=${keys.authority.certificate}`,
    `--kubelet-client-certificate=${keys.kubeletClient.certificate}`,
    `--kubelet-client-key=${keys.kubeletClient.key}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--service-account-key-file=${keys.serviceAccount.certificate}`,
    `--service-account-signing-key-file=${keys.serviceAccount.key}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-cluster-ip-range=${settings.serviceRange}`,
    `--requestheader-client-ca-file=${keys.frontProxyAuthority.certificate}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    `--proxy-client-cert-file=${keys.frontProxy.certificate}`,
    `--proxy-client-key-file=${keys.frontProxy.key}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    ...settings.apiserverFlags,
  ]);
}

/** kube-controller-manager with every controller; `kubeconfig` signs in as system:kube-controller-manager. */
export function controllerManager(settings: ControlPlaneSettings, kubeconfig: string): Daemon {
  const { keys } = settings;
  return daemon(settings, "kube-controller-manager", "kube-controller-manager", [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--secure-port=0",
    "--leader-elect=false",
    // Its default lies in the machine's /usr, and it is made there when it is missing.
    `--flex-volume-plugin-dir=${join(settings.folder, "volume-plugins")}`,
    "--use-service-account-credentials",
    `--root-ca-file=${keys.authority.certificate}`,
    `--service-account-private-key-file=${keys.serviceAccount.key}`,
    `--cluster-signing-cert-file=${keys.authority.certificate}`,
    `--cluster-signing-key-file=${keys.authority.key}`,
  ]);
}

/** kube-scheduler; `kubeconfig` signs in as system:kube-scheduler. */
export function scheduler(settings: ControlPlaneSettings, kubeconfig: string): Daemon {
  return daemon(settings, "kube-scheduler", "kube-scheduler", [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--secure-port=0",
    "--leader-elect=false",
  ]);
}
