/** What a test cluster is configured with: pins, commands, certificates, images. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { dnsObjects } from "../../e2e/cluster/dns.ts";
import { layoutOf } from "../../e2e/cluster/layout.ts";
import { controlPlaneCommands, hostCommands, nodeCommands } from "../../e2e/cluster/network.ts";
import { cniConfiguration, kubeletConfiguration } from "../../e2e/cluster/node-configuration.ts";
import { imageDocuments } from "../../e2e/cluster/oci-archive.ts";
import { opensslConfiguration } from "../../e2e/cluster/pki.ts";
import { missingPackages } from "../../e2e/cluster/toolchain/packages.ts";
import {
  clusterTools,
  controlPlaneTools,
  type Recipe,
  recipes,
} from "../../e2e/cluster/toolchain/recipes.ts";

const clusterFolder = join(import.meta.dirname, "../../e2e/cluster");
const layout = layoutOf(
  {
    version: 1,
    id: "0123abcd",
    name: "demo",
    createdAt: "2026-01-02T03:04:05.000Z",
    block: 200,
    gpus: [1, 0],
  },
  "/cache/clusters/demo",
);

describe("recipes", () => {
  const all: readonly Recipe[] = Object.values(recipes);

  test.each(all.map((recipe) => [recipe.name, recipe] as const))("%s is pinned", (_, recipe) => {
    if (recipe.kind === "Wheel") {
      for (const { sha256 } of Object.values(recipe.wheels)) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      return;
    }
    const modules = readFileSync(join(clusterFolder, recipe.module, "go.mod"), "utf8");
    const isOwnSource = recipe.packages.every((path) => path.startsWith("petrel.dev/"));
    // What has no releases for Go is pinned by its commit, whose hash Go writes behind the version.
    const pin = new RegExp(` v${recipe.version.replaceAll(".", "\\.")}(-[0-9a-f]{12})?\n`);
    if (!isOwnSource) expect(modules).toMatch(pin);
    for (const path of recipe.packages) {
      const program = path
        .split("/")
        .filter((part) => !/^v\d+$/.test(part))
        .at(-1);
      expect(recipe.programs).toContain(program);
    }
  });

  test("the apiserver tests build no more than they need", () => {
    expect([...controlPlaneTools]).toEqual(["kubernetes-control-plane", "etcd"]);
  });

  test("a cluster builds no more than it needs; the rest is built for the tests that ask for it", () => {
    const forSomeTests = [
      "contour",
      "cosign",
      "gitops",
      "minio",
      "kubernetes-control-plane-1.34",
      "kubernetes-node-1.34",
    ];
    expect([...clusterTools, ...forSomeTests].sort()).toEqual(Object.keys(recipes).sort());
  });
});

test("a package is missing when its program is nowhere, or its file is not there", () => {
  const packages = { shell: "sh", nothing: "no-such-program-anywhere", file: "/no/such/file" };
  expect(missingPackages(packages)).toEqual(["nothing", "file"]);
});

describe("the network", () => {
  test("the host gets one link, one address and one route", () => {
    expect(hostCommands(layout)).toEqual([
      "address add 10.200.0.254/24 dev ptl-0123abcd",
      "link set ptl-0123abcd up",
      "route add 10.200.0.0/16 via 10.200.0.1",
    ]);
  });

  test("the control plane leads to each node's pods, and has no way out", () => {
    const commands = controlPlaneCommands(layout, 42);
    expect(commands).toContain("route add 10.200.1.0/24 via 10.200.0.11");
    expect(commands).toContain("route add 10.200.2.0/24 via 10.200.0.12");
    expect(commands.filter((command) => command.includes("default"))).toEqual([]);
  });

  test("a node leads to the other nodes' pods, not to its own", () => {
    const [first] = layout.nodes;
    if (first === undefined) throw new Error("expected a node");
    const routes = nodeCommands(layout, first).filter((command) => command.startsWith("route"));
    expect(routes).toEqual(["route add default via 10.200.0.1", "route add 10.200.2.0/24 via 10.200.0.12"]);
  });
});

test("a kubelet takes no request without a name and asks the apiserver what the name may do", () => {
  const [node] = layout.nodes;
  if (node === undefined) throw new Error("expected a node");
  const pair = (name: string) => ({ certificate: `/pki/${name}.crt`, key: `/pki/${name}.key` });
  expect(kubeletConfiguration(layout, node, pair("ca"), pair("n1"))).toMatchObject({
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: "/pki/ca.crt" } },
    authorization: { mode: "Webhook" },
    cgroupRoot: "/petrel-0123abcd/n1",
    clusterDNS: ["10.200.128.10"],
  });
  expect(cniConfiguration(node)).toMatchObject({
    plugins: [{ ipam: { ranges: [[{ subnet: "10.200.1.0/24" }]] } }],
  });
});

test("a certificate says whether it is an authority's, a server's or a client's", () => {
  const client = opensslConfiguration({ commonName: "system:node:n1", organization: "system:nodes" }, false);
  expect(client).toContain("O = system:nodes\nCN = system:node:n1");
  expect(client).toContain("extendedKeyUsage = clientAuth");
  expect(client).toContain("CA:FALSE");
  const server = opensslConfiguration({ commonName: "x", hosts: ["10.0.0.1", "localhost"] }, false);
  expect(server).toContain("subjectAltName = IP:10.0.0.1,DNS:localhost");
  expect(opensslConfiguration({ commonName: "ca" }, true)).toContain("CA:TRUE");
});

test("DNS runs under PodSecurity restricted, behind the address that kubelets give to pods", () => {
  const objects = dnsObjects("localhost/coredns:1", "10.200.128.10");
  expect(objects).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ kind: "Deployment" })]),
  });
  expect(JSON.stringify(objects)).toContain('"clusterIP":"10.200.128.10"');
  expect(JSON.stringify(objects)).toContain('"runAsNonRoot":true');
});

test("an image's documents name each other by digest and size", () => {
  const layer = { digest: `sha256:${"a".repeat(64)}`, size: 10 };
  const { config, manifest, index } = imageDocuments(
    { name: "localhost/x:1", entries: [], user: "1:1" },
    layer,
    "amd64",
  );
  expect(JSON.parse(config)).toMatchObject({ config: { User: "1:1" }, rootfs: { diff_ids: [layer.digest] } });
  expect(JSON.parse(manifest)).toMatchObject({
    config: { size: Buffer.byteLength(config) },
    layers: [layer],
  });
  expect(JSON.parse(index)).toMatchObject({
    manifests: [
      { size: Buffer.byteLength(manifest), annotations: { "io.containerd.image.name": "localhost/x:1" } },
    ],
  });
});
