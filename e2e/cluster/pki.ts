/**
 * The certificates of a control plane, made by openssl(1): one authority for the cluster, one for etcd, one
 * for the aggregation layer, as Kubernetes' "PKI certificates and requirements" asks.
 *
 * Keys never leave the cluster's folder and end with it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { runOrFail } from "./command.ts";

const validityDays = "30";

/** A certificate and its private key, by the paths of their PEM files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate speaks for. */
export interface Subject {
  /** The user, to Kubernetes. */
  readonly commonName: string;
  /** The group, to Kubernetes. */
  readonly organization?: string;
  /** Host names and addresses that a server is reached by; without any, it is a client's certificate. */
  readonly hosts?: readonly string[];
}

/** The certificates that every control plane has. */
export interface ControlPlaneKeys {
  readonly authority: KeyPair;
  readonly etcdAuthority: KeyPair;
  readonly etcd: KeyPair;
  readonly etcdClient: KeyPair;
  readonly frontProxyAuthority: KeyPair;
  readonly frontProxy: KeyPair;
  readonly apiserver: KeyPair;
  readonly kubeletClient: KeyPair;
  readonly admin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  readonly proxy: KeyPair;
  readonly serviceAccount: KeyPair;
}

/** The configuration that openssl needs for a certificate: pure. */
export function opensslConfiguration(subject: Subject, isAuthority: boolean): string {
  const hosts = subject.hosts ?? [];
  const names = hosts.map((host) => `${isIP(host) === 0 ? "DNS" : "IP"}:${host}`);
  const usage = isAuthority
    ? ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign,cRLSign"]
    : [
        "basicConstraints = critical,CA:FALSE",
        "keyUsage = critical,digitalSignature",
        `extendedKeyUsage = ${hosts.length > 0 ? "serverAuth,clientAuth" : "clientAuth"}`,
      ];
  return [
    "[req]",
    "prompt = no",
    "distinguished_name = name",
    "x509_extensions = extensions",
    "[name]",
    ...(subject.organization === undefined ? [] : [`O = ${subject.organization}`]),
    `CN = ${subject.commonName}`,
    "[extensions]",
    "subjectKeyIdentifier = hash",
    ...usage,
    ...(names.length === 0 ? [] : [`subjectAltName = ${names.join(",")}`]),
    "",
  ].join("\n");
}

/** Makes a key and a certificate, signed by `authority` or, without one, by itself as an authority. */
export async function issue(
  folder: string,
  name: string,
  subject: Subject,
  authority?: KeyPair,
): Promise<KeyPair> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pair = keyPair(folder, name);
  const configuration = join(folder, `${name}.cnf`);
  writeFileSync(configuration, opensslConfiguration(subject, authority === undefined));
  const request = ["req", "-x509", "-new", "-nodes", "-config", configuration, "-days", validityDays];
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-keyout",
    pair.key,
    "-out",
    pair.certificate,
  ];
  const signer = authority === undefined ? [] : ["-CA", authority.certificate, "-CAkey", authority.key];
  await runOrFail("openssl", [...request, ...key, ...signer]);
  return pair;
}

/** Makes all certificates of a control plane. `hosts` are the names and addresses of its apiserver. */
export async function issueControlPlaneKeys(
  folder: string,
  hosts: readonly string[],
): Promise<ControlPlaneKeys> {
  const [authority, etcdAuthority, frontProxyAuthority] = await Promise.all([
    issue(folder, "ca", { commonName: "kubernetes" }),
    issue(folder, "etcd-ca", { commonName: "etcd" }),
    issue(folder, "front-proxy-ca", { commonName: "front-proxy" }),
  ]);
  const hostsOfEtcd = ["127.0.0.1", "localhost"];
  const administrators = "system:masters";
  await Promise.all([
    issue(folder, "etcd", { commonName: "etcd", hosts: hostsOfEtcd }, etcdAuthority),
    issue(folder, "etcd-client", { commonName: "kube-apiserver" }, etcdAuthority),
    issue(folder, "front-proxy", { commonName: "front-proxy-client" }, frontProxyAuthority),
    issue(folder, "apiserver", { commonName: "kube-apiserver", hosts }, authority),
    issue(
      folder,
      "kubelet-client",
      { commonName: "kubelet-client", organization: administrators },
      authority,
    ),
    issue(folder, "admin", { commonName: "kubernetes-admin", organization: administrators }, authority),
    issue(folder, "controller-manager", { commonName: "system:kube-controller-manager" }, authority),
    issue(folder, "scheduler", { commonName: "system:kube-scheduler" }, authority),
    issue(folder, "proxy", { commonName: "system:kube-proxy" }, authority),
    issue(folder, "service-account", { commonName: "service-accounts" }, authority),
  ]);
  return keysIn(folder);
}

/** Where `issueControlPlaneKeys` puts what it makes. */
export function keysIn(folder: string): ControlPlaneKeys {
  return {
    authority: keyPair(folder, "ca"),
    etcdAuthority: keyPair(folder, "etcd-ca"),
    etcd: keyPair(folder, "etcd"),
    etcdClient: keyPair(folder, "etcd-client"),
    frontProxyAuthority: keyPair(folder, "front-proxy-ca"),
    frontProxy: keyPair(folder, "front-proxy"),
    apiserver: keyPair(folder, "apiserver"),
    kubeletClient: keyPair(folder, "kubelet-client"),
    admin: keyPair(folder, "admin"),
    controllerManager: keyPair(folder, "controller-manager"),
    scheduler: keyPair(folder, "scheduler"),
    proxy: keyPair(folder, "proxy"),
    serviceAccount: keyPair(folder, "service-account"),
  };
}

function keyPair(folder: string, name: string): KeyPair {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

/** Writes a kubeconfig that trusts `authority` alone and signs in by a client certificate; both by path. */
export function writeKubeconfig(file: string, server: string, authority: KeyPair, client: KeyPair): void {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "petrel",
    clusters: [{ name: "petrel", cluster: { server, "certificate-authority": authority.certificate } }],
    users: [{ name: "petrel", user: { "client-certificate": client.certificate, "client-key": client.key } }],
    contexts: [{ name: "petrel", context: { cluster: "petrel", user: "petrel" } }],
  };
  // JSON is YAML.
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
