/**
 * Where the API server is and how to prove who we are: from the pod's own ServiceAccount, or from a
 * kubeconfig.
 *
 * The only file that imports client-node, which knows every way to authenticate that a kubeconfig can name.
 * It is loaded on demand: it costs about 90 MB of memory, which a pod in the cluster can do without.
 * Credentials must never get into an error or a log line.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { delimiter, join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../core/clock.ts";

/** What one request needs to be let in. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<SecureContextOptions, "ca" | "cert" | "key"> & {
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** An agent that goes through the proxy which the kubeconfig names. */
  readonly proxyAgent?: Agent;
}

/** An API server and the right to talk to it. */
export interface Endpoint {
  readonly server: URL;
  /** Namespace of the kubeconfig's context, or of the pod. */
  readonly namespace: string | undefined;
  /** Asked before each request, so that rotated credentials are taken up. */
  credentials(): Promise<Credentials>;
}

/** Which endpoint to load. */
export interface EndpointOptions {
  readonly clock: Clock;
  /** Environment: HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a kubeconfig; wins over the environment. */
  readonly kubeconfig?: string;
  /** Context of the kubeconfig; its current one unless set. */
  readonly context?: string;
  /** Folder of the ServiceAccount's token, CA and namespace. */
  readonly serviceAccountDirectory?: string;
}

const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The kubelet replaces a token when a fifth of its life is left, so it may be a minute old (as in client-go).
 */
const TOKEN_MAXIMUM_AGE_MILLISECONDS = 60_000;

/**
 * Loads the endpoint: the named kubeconfig, else the pod's ServiceAccount when it runs in a cluster and
 * KUBECONFIG is not set, else KUBECONFIG or `~/.kube/config`. Throws when there is none.
 */
export async function loadEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { KUBECONFIG: kubeconfig, KUBERNETES_SERVICE_HOST: host } = options.environment;
  const wantsKubeconfig = options.kubeconfig !== undefined || options.context !== undefined || kubeconfig;
  if (!wantsKubeconfig && host) return await inClusterEndpoint(options, host);
  return await kubeconfigEndpoint(options);
}

async function inClusterEndpoint(options: EndpointOptions, host: string): Promise<Endpoint> {
  const directory = options.serviceAccountDirectory ?? SERVICE_ACCOUNT_DIRECTORY;
  const port = options.environment["KUBERNETES_SERVICE_PORT"] ?? "443";
  const namespace = (await readFile(`${directory}/namespace`, "utf8")).trim();
  let read: { readonly at: number; readonly credentials: Credentials } | undefined;
  return {
    server: serverUrl(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    namespace,
    async credentials() {
      const now = options.clock.monotonic();
      if (read === undefined || now - read.at > TOKEN_MAXIMUM_AGE_MILLISECONDS) {
        const [token, ca] = await Promise.all([
          readFile(`${directory}/token`, "utf8"),
          readFile(`${directory}/ca.crt`),
        ]);
        const headers = { authorization: `Bearer ${token.trim()}` };
        read = { at: now, credentials: { headers, tls: { ca, rejectUnauthorized: true } } };
      }
      return read.credentials;
    },
  };
}

async function kubeconfigEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const paths = kubeconfigPaths(options);
  const config = await loadKubeconfigs(paths);
  if (options.context !== undefined) config.setCurrentContext(options.context);

  const wanted = config.getCurrentContext();
  const context = config.getContextObject(wanted);
  const cluster = config.getCurrentCluster();
  if (context === null || cluster === null) {
    const known = config.getContexts().map(({ name }) => name);
    const expected = `expected a context with a cluster, one of ${JSON.stringify(known)}`;
    throw new Error(`${paths.join(delimiter)}: ${expected}, got ${JSON.stringify(wanted ?? null)}`);
  }
  const viaProxy = cluster.proxyUrl !== undefined;
  return {
    server: serverUrl(cluster.server),
    namespace: context.namespace,
    async credentials() {
      const request: RequestOptions = {};
      await config.applyToHTTPSOptions(request);
      return {
        headers: headersOf(request),
        tls: {
          rejectUnauthorized: request.rejectUnauthorized ?? true,
          ...(request.ca === undefined ? {} : { ca: request.ca }),
          ...(request.cert === undefined ? {} : { cert: request.cert }),
          ...(request.key === undefined ? {} : { key: request.key }),
          ...(request.servername === undefined ? {} : { servername: request.servername }),
        },
        ...(viaProxy && typeof request.agent === "object" ? { proxyAgent: request.agent } : {}),
      };
    },
  };
}

/** As kubectl: what is named, else those of KUBECONFIG that exist, else the one in the home folder. */
function kubeconfigPaths({ kubeconfig, environment }: EndpointOptions): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const fromEnvironment = environment["KUBECONFIG"]?.split(delimiter).filter((path) => path !== "") ?? [];
  const paths =
    fromEnvironment.length > 0 ? fromEnvironment : [join(environment["HOME"] ?? "/", ".kube/config")];
  const existing = paths.filter((path) => existsSync(path));
  if (existing.length > 0) return existing;
  throw new Error(`no Kubernetes API server is named: expected a kubeconfig at ${paths.join(delimiter)}`);
}

async function loadKubeconfigs(paths: readonly string[]): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const merged = new KubeConfig();
  for (const path of paths) {
    const config = new KubeConfig();
    try {
      config.loadFromFile(path);
    } catch (error) {
      throw new Error(`cannot read the kubeconfig ${path}`, { cause: error });
    }
    // The first file that names a current context wins, as with kubectl.
    merged.mergeConfig(config, Boolean(merged.getCurrentContext()));
  }
  return merged;
}

/** Credentials go over TLS; plain HTTP is for a proxy on this machine (`kubectl proxy`). */
function serverUrl(text: string): URL {
  const url = new URL(text);
  const isLoopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback)) return url;
  throw new Error(`the API server must be reached over https, not over ${url.protocol}//${url.host}`);
}

function headersOf(request: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (request.headers !== undefined && !Array.isArray(request.headers)) {
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
    }
  }
  if (request.auth) headers["authorization"] ??= `Basic ${Buffer.from(request.auth).toString("base64")}`;
  return headers;
}
