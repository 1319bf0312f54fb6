/**
 * What a cluster is made of, by name and address: pure.
 *
 * Everything follows from the few facts in `ClusterState`, which is written down before the first thing is
 * made. So whoever reads the state knows all that could exist, also after a kill at any moment.
 */
import { join } from "node:path";

/** The facts from which all names and addresses of a cluster follow. */
export interface ClusterState {
  readonly version: 1;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The cluster owns 10.BLOCK.0.0/16. */
  readonly block: number;
  /** Devices of each node; its length is the number of nodes. */
  readonly gpus: readonly number[];
}

/** The `BLOCK`s of 10.BLOCK.0.0/16 that clusters may use. */
export const blocks: readonly number[] = Array.from({ length: 50 }, (_, index) => 200 + index);

/** Name and addresses of one node. */
export interface NodeLayout {
  readonly name: string;
  readonly folder: string;
  readonly networkNamespace: string;
  readonly address: string;
  readonly podRange: string;
  readonly cgroup: string;
  readonly zone: string;
  readonly gpus: number;
}

/** Names and addresses of a cluster. */
export interface ClusterLayout {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly logs: string;
  readonly pki: string;
  readonly kubeconfig: string;
  readonly controlPlaneNamespace: string;
  /** The link in the host's own namespace: at most 15 characters, as Linux allows. */
  readonly hostLink: string;
  readonly hostAddress: string;
  readonly controlPlaneAddress: string;
  readonly range: string;
  readonly podRange: string;
  readonly serviceRange: string;
  readonly kubernetesServiceAddress: string;
  readonly dnsAddress: string;
  readonly nodes: readonly NodeLayout[];
}

/** All names and addresses of a cluster whose files are under `folder`. */
export function layoutOf(state: ClusterState, folder: string): ClusterLayout {
  const net = `10.${state.block}`;
  const tag = tagOf(state.id);
  return {
    id: state.id,
    name: state.name,
    folder,
    logs: join(folder, "logs"),
    pki: join(folder, "pki"),
    kubeconfig: join(folder, "kubeconfig"),
    controlPlaneNamespace: `${tag}-cp`,
    hostLink: `ptl-${state.id}`,
    hostAddress: `${net}.0.254`,
    controlPlaneAddress: `${net}.0.1`,
    range: `${net}.0.0/16`,
    podRange: `${net}.0.0/17`,
    serviceRange: `${net}.128.0/17`,
    kubernetesServiceAddress: `${net}.128.1`,
    dnsAddress: `${net}.128.10`,
    nodes: state.gpus.map((gpus, index) => ({
      name: `n${index + 1}`,
      folder: join(folder, `n${index + 1}`),
      networkNamespace: `${tag}-n${index + 1}`,
      address: `${net}.0.${11 + index}`,
      podRange: `${net}.${index + 1}.0/24`,
      cgroup: `${tag}/n${index + 1}`,
      zone: `zone-${"abc".charAt(index % 3)}`,
      gpus,
    })),
  };
}

/** How the names of namespaces and cgroups of a cluster start. */
export function tagOf(id: string): string {
  return `petrel-${id}`;
}

/** First and last address of a range such as `10.0.0.0/8`, or of a single address, as numbers; undefined when it is no IPv4. */
export function addressSpan(range: string): { first: number; last: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(range);
  if (match === null) return undefined;
  const numbers = match.slice(1, 5).map(Number);
  const bits = match[5] === undefined ? 32 : Number(match[5]);
  if (numbers.some((number) => number > 255) || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const address = numbers.reduce((sum, number) => sum * 256 + number, 0);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1 };
}

/** The first block that overlaps none of the ranges in use on this machine; undefined when none is free. */
export function freeBlock(usedRanges: readonly string[]): number | undefined {
  const used = usedRanges.map(addressSpan).filter((span) => span !== undefined);
  return blocks.find((block) => {
    const own = addressSpan(`10.${block}.0.0/16`);
    return own !== undefined && used.every((span) => span.last < own.first || span.first > own.last);
  });
}

/** Reads a state file. Throws, naming the file and the field, when it is not one. */
export function parseState(text: string, file: string): ClusterState {
  const value: unknown = JSON.parse(text);
  const bad = (field: string) => new Error(`${file}: not the state of a cluster: ${field}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("expected an object");
  const fields = new Map<string, unknown>(Object.entries(value));
  const [id, name, createdAt, block, gpus] = ["id", "name", "createdAt", "block", "gpus"].map((key) =>
    fields.get(key),
  );
  if (fields.get("version") !== 1) throw bad(`version must be 1, came ${String(fields.get("version"))}`);
  if (typeof id !== "string" || !/^[0-9a-f]{8}$/.test(id)) throw bad("id must be 8 hexadecimal digits");
  if (typeof name !== "string" || !isClusterName(name)) throw bad("name");
  if (typeof createdAt !== "string") throw bad("createdAt");
  if (typeof block !== "number" || !blocks.includes(block)) throw bad("block");
  if (!Array.isArray(gpus) || !gpus.every((count): count is number => isCount(count, 64))) throw bad("gpus");
  return { version: 1, id, name, createdAt, block, gpus };
}

/** What a cluster may be called: it stands in file names. */
export function isClusterName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(name);
}

/** Devices node by node from what was asked for. Throws on what is out of bounds. */
export function gpusByNode(nodes: number, gpusPerNode: number | readonly number[]): number[] {
  if (!isCount(nodes, 9) || nodes < 1) throw new Error(`nodes: expected 1 to 9, came ${nodes}`);
  const asked = typeof gpusPerNode === "number" ? new Array<number>(nodes).fill(gpusPerNode) : gpusPerNode;
  if (asked.length > nodes) throw new Error(`gpusPerNode: ${asked.length} numbers for ${nodes} nodes`);
  const wrong = asked.find((count) => !isCount(count, 64));
  if (wrong !== undefined) throw new Error(`gpusPerNode: expected 0 to 64, came ${wrong}`);
  return Array.from({ length: nodes }, (_, index) => asked[index] ?? 0);
}

function isCount(value: unknown, maximum: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maximum;
}
