/**
 * What a test may ask of a cluster, whether it was made here or given by PETREL_E2E_KUBECONFIG.
 *
 * Types alone. What a given cluster cannot do is told by its `capabilities` before it is asked, so that a
 * test can say by name what it could not run; asking anyway is an error and never a silent success.
 */
import type { ChildProcess } from "node:child_process";

/** Takes one line of progress at a time, without a line break. */
export type Progress = (line: string) => void;

/** What not every cluster can do. */
export type Capability =
  /** `cutOff` and `reconnect`: a node loses its network. */
  | "CutOffNode"
  /** NetworkPolicies about ingress are enforced; a refused TCP connection is reset. */
  | "EnforceNetworkPolicies"
  /** `killContainer`: what runs in one container of a pod ends without a warning. */
  | "KillContainer"
  /** `killKubelet` and `startKubelet`. */
  | "KillKubelet"
  /** `loadImage`: an archive becomes an image on every node, without a registry. */
  | "LoadImage"
  /** `exec` and `spawn`: a command runs in the network of the control plane or of a node. */
  | "ExecInPlace"
  /** Addresses of pods and Services can be reached from the process that runs the test. */
  | "ReachServices";

/** A network to run a command in: the control plane's, or that of the node with this name. */
export type Place = "control-plane" | (string & {});

/** Bounds and input of one command. */
export interface CommandOptions {
  /** Written to standard input, which is closed after it. Nothing by default. */
  readonly input?: string;
  /** The command is killed (SIGKILL) after this time, and the call fails. 60,000 by default. */
  readonly timeoutMilliseconds?: number;
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a command ended. Both outputs are cut after 32 MiB. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server process that can be taken away and given back. It keeps its address and its data. */
export interface RestartableServer {
  /** SIGTERM, then SIGKILL after 10 s; returns when the process is gone. Does nothing when it is gone already. */
  stop(): Promise<void>;
  /** SIGKILL; returns when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again and returns when it is ready. Does nothing when it runs. */
  start(): Promise<void>;
  /**
   * SIGSTOP; returns when all of it stands still. Connections stay open and nothing answers, as with a hung machine.
   * Ended by `resume`.
   */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
}

/** What to start for a control plane without nodes. */
export interface ControlPlaneOptions {
  /** Also start kube-controller-manager (garbage collection, Deployments, service accounts). False by default. */
  readonly controllerManager?: boolean;
  /** More command-line flags of kube-apiserver, each in the form `--name=value`. */
  readonly apiserverFlags?: readonly string[];
  /** More command-line flags of kube-controller-manager. */
  readonly controllerManagerFlags?: readonly string[];
  readonly progress?: Progress;
}

/** etcd and kube-apiserver on loopback ports, in a folder of their own. Several may run at once. */
export interface ControlPlane {
  /** Path of a kubeconfig with full rights. It names the CA of this control plane. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`; the same for the whole life of the control plane. */
  readonly server: string;
  /** Folder with one log file for each process. */
  readonly logs: string;
  readonly apiserver: RestartableServer;
  /** Runs kubectl; fails with its error output when it exits with another code than 0. Gives standard output. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Ends every process and removes the folder. Safe to call twice. */
  stop(): Promise<void>;
}

/** What a new cluster is to be like. */
export interface ClusterOptions {
  /** Name of the cluster, for `status` and `down`: at most 30 of [a-z0-9-]. A random one by default. */
  readonly name?: string;
  /** 1 to 9 nodes, called `n1`, `n2` and so on. 3 by default. */
  readonly nodes?: number;
  /**
   * Made-up devices of each node; an array gives it node by node (missing ones get 0). 0 by default. A node has that
   * many of each kind: `nvidia.com/gpu`, `nvidia.com/mig-1g.10gb`, and devices of the class `gpu.nvidia.com` to claim.
   */
  readonly gpusPerNode?: number | readonly number[];
  /**
   * True: the cluster stays when this process ends (the demo). False, the default: it is removed as soon as
   * this process ends, in whatever way, SIGKILL included.
   */
  readonly outlives?: boolean;
  readonly progress?: Progress;
}

/**
 * A running cluster: RBAC, PodSecurity admission, DNS (`*.svc.cluster.local`), Services and NetworkPolicies through
 * nftables, and made-up devices of several kinds. Node labels: `topology.kubernetes.io/zone` is zone-a, zone-b, zone-c in turn,
 * `topology.kubernetes.io/region` is local.
 */
export interface Cluster {
  readonly name: string;
  /** Short random id that stands in the name of everything the cluster made; empty for a given cluster. */
  readonly id: string;
  /** Path of a kubeconfig with full rights that works from the network of this process. */
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  readonly capabilities: ReadonlySet<Capability>;
  /** Folder with a log file for each process; undefined for a given cluster. */
  readonly logs: string | undefined;
  /** Runs kubectl; fails with its error output when it exits with another code than 0. Gives standard output. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs a command of this machine in the network of a place and waits for its end. */
  exec(place: Place, command: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts a command in the network of a place (a load generator). It is ended with the cluster at the latest. */
  spawn(place: Place, command: readonly string[]): ChildProcess;
  /** Pulls the node's network cable: all its links outside itself are down, its processes go on. */
  cutOff(node: string): Promise<void>;
  /** Puts the cable back. */
  reconnect(node: string): Promise<void>;
  /**
   * SIGKILL to all that runs in a container, past the apiserver and the kubelet, which starts it again. `id` is that of
   * the pod's status, without what stands before it and `://`. Rejects when nothing runs in it.
   */
  killContainer(id: string): Promise<void>;
  /** SIGKILL to the node's kubelet. Its pods go on running. */
  killKubelet(node: string): Promise<void>;
  /** Starts the node's kubelet again. */
  startKubelet(node: string): Promise<void>;
  /** The control plane's apiserver, to take it away from under the operator. Undefined for a given cluster. */
  readonly apiserver: RestartableServer | undefined;
  /** Makes the images of an OCI or Docker archive known to every node, under the names inside the archive. */
  loadImage(archive: string): Promise<void>;
  /** What the cluster has on this machine at this moment. */
  traces(): Promise<Traces>;
  /**
   * Removes every trace: processes (those of containers too), network namespaces, links, cgroups, mounts and
   * folders. With `keepLogs`, logs are moved to the returned folder first. Safe to call twice. For a given
   * cluster it does nothing.
   */
  stop(options?: { readonly keepLogs?: boolean }): Promise<string | undefined>;
}

/** What is left of clusters on this machine, each by a name that a person can look up. */
export interface Traces {
  readonly processes: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
  readonly mounts: readonly string[];
  readonly folders: readonly string[];
}
