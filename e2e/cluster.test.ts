/**
 * The test cluster itself: whether it is the Kubernetes that the other scenarios take it for, and whether it
 * leaves nothing behind.
 */
import { existsSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Cluster, countTraces, nodeImage, prepare, startCluster } from "./cluster/index.ts";
import { scriptPod } from "./script-pod.ts";

const namespace = "smoke";
/** A cut-off node was seen NotReady after 51 s: kubelets report every 10 s, and 50 s without is too long. */
const notReadyDeadlineMilliseconds = 3 * 51_000;

// Other clusters may come and go on this machine meanwhile; what is this one's is asked for by its own id.
const isNoClusters = (name: string) => !/^(petrel|ptl)-/.test(name);
const namesIn = (folder: string) =>
  existsSync(folder) ? readdirSync(folder).filter(isNoClusters).sort() : [];
const usualPlaces = [
  "/run/netns",
  "/sys/class/net",
  "/var/lib",
  "/var/log",
  "/run",
  "/opt",
  "/etc",
  "/usr/libexec",
];
/** What stands in the places where Kubernetes, left alone, would leave something. */
const machine = () => Object.fromEntries(usualPlaces.map((folder) => [folder, namesIn(folder)]));

async function until(
  what: string,
  deadlineMilliseconds: number,
  check: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + deadlineMilliseconds;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`${what}: not after ${deadlineMilliseconds} ms`);
    await sleep(250);
  }
}

const idle = "setInterval(() => {}, 60_000)";

function pod(name: string, image: string, script: string, gpus?: number): object {
  const labels = { app: name };
  return scriptPod(name, { namespace, labels, image, script, ...(gpus === undefined ? {} : { gpus }) });
}

describe("the test cluster", () => {
  let before: ReturnType<typeof machine>;
  let cluster: Cluster;
  let image: string;

  beforeAll(async () => {
    // Installing packages may well add to those places, and is no cluster's trace.
    await prepare(() => {});
    before = machine();
    cluster = await startCluster({ nodes: 3, gpusPerNode: [2, 2, 0], progress: (line) => console.log(line) });
    const node = await nodeImage(() => {});
    await cluster.loadImage(node.archive);
    image = node.name;
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } });
    await until("the namespace's service account", 30_000, async () =>
      (await get("serviceaccounts", "{.items[*].metadata.name}")).includes("default"),
    );
  }, 25 * 60_000);

  afterAll(async () => {
    await cluster?.stop();
  }, 60_000);

  const apply = (object: object) => cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
  const get = (what: string, path: string) =>
    cluster.kubectl(["-n", namespace, "get", ...what.split(" "), "-o", `jsonpath=${path}`]);

  test("five pods of one GPU each: four run on two nodes with two, one is told why it waits", async () => {
    const names = ["gpu-1", "gpu-2", "gpu-3", "gpu-4", "gpu-5"];
    for (const name of names) await apply(pod(name, image, idle, 1));
    await until("four pods run", 60_000, async () => {
      const phases = (await get("pods", "{.items[*].status.phase}")).split(" ");
      return phases.filter((phase) => phase === "Running").length === 4;
    });
    const waiting = (
      await get("pods --field-selector=status.phase=Pending", "{.items[*].metadata.name}")
    ).split(" ");
    expect(waiting).toHaveLength(1);
    await until("the pending pod has a reason", 30_000, async () =>
      (await get(`pod ${waiting[0]}`, "{.status.conditions[*].message}")).includes(
        "Insufficient nvidia.com/gpu",
      ),
    );
    const nodes = (await get("pods", "{.items[*].spec.nodeName}")).split(" ").sort();
    expect(nodes).toEqual(["n1", "n1", "n2", "n2"]);
    await cluster.kubectl(["-n", namespace, "delete", "pods", "--all", "--wait=false"]);
  }, 120_000);

  test("a pod under PodSecurity restricted reaches another by the name of its Service", async () => {
    await apply(
      pod("server", image, 'require("http").createServer((_, answer) => answer.end("hello")).listen(8080)'),
    );
    const ports = [{ port: 80, targetPort: 8080 }];
    const metadata = { name: "greeting", namespace };
    await apply({
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: { app: "server" }, ports },
    });
    const ask = `(async function ask() {
      const text = await fetch("http://greeting.${namespace}.svc.cluster.local").then((answer) => answer.text(), String);
      if (text === "hello") process.exit(0);
      console.log(text);
      setTimeout(ask, 200);
    })()`;
    await apply(pod("client", image, ask));
    await until("the client has its answer", 60_000, async () => {
      return (
        (await get("pod client", "{.status.containerStatuses[0].restartCount}{.status.phase}")) ===
        "0Succeeded"
      );
    });
  }, 90_000);

  test("a pod that a NetworkPolicy selects answers whom the policy names, and refuses others", async () => {
    const answerAll = 'require("http").createServer((_, answer) => answer.end("hello")).listen(8080)';
    await apply(pod("guarded", image, answerAll));
    // Asks once a second and tells how it went last.
    const ask = (host: string) => `setInterval(() => {
      const request = require("http").get({ host: "${host}", port: 8080, agent: false }, (answer) => {
        answer.resume();
        console.log("answered");
      });
      request.on("error", (error) => console.log(error.code));
    }, 500)`;
    await until(
      "the guarded pod runs",
      60_000,
      async () => (await get("pod guarded", "{.status.phase}")) === "Running",
    );
    const address = await get("pod guarded", "{.status.podIP}");
    for (const name of ["friend", "stranger"]) await apply(pod(name, image, ask(address)));
    const lastWord = async (name: string) =>
      (await cluster.kubectl(["-n", namespace, "logs", name, "--tail=1"]).catch(() => "")).trim();
    const untilTold = (name: string, word: string) =>
      until(`${name} is told ${word}`, 60_000, async () => (await lastWord(name)) === word);
    await untilTold("friend", "answered");
    await untilTold("stranger", "answered");

    const policy = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "guarded", namespace },
      spec: {
        podSelector: { matchLabels: { app: "guarded" } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: "friend" } } }], ports: [{ port: 8080 }] }],
      },
    };
    await apply(policy);
    await untilTold("stranger", "ECONNREFUSED");
    await untilTold("friend", "answered");
    await cluster.kubectl(["-n", namespace, "delete", "networkpolicy", "guarded"]);
    await untilTold("stranger", "answered");
    await cluster.kubectl(["-n", namespace, "delete", "pods", "--all", "--wait=false"]);
  }, 300_000);

  test("PodSecurity refuses a pod that is not restricted", async () => {
    const open = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "open", namespace },
      spec: { containers: [{ name: "main", image }] },
    };
    await expect(apply(open)).rejects.toThrow(/violates PodSecurity "restricted/);
  });

  test("a cut-off node becomes NotReady, and Ready again once it is back", async () => {
    const ready = () => get("node n3", '{.status.conditions[?(@.type=="Ready")].status}');
    expect(await ready()).toBe("True");
    const cutAt = performance.now();
    await cluster.cutOff("n3");
    await until("n3 is NotReady", notReadyDeadlineMilliseconds, async () => (await ready()) === "Unknown");
    console.log(`NotReady after ${((performance.now() - cutAt) / 1000).toFixed(1)} s`);
    await cluster.reconnect("n3");
    await until("n3 is Ready", 60_000, async () => (await ready()) === "True");
  }, 240_000);

  test("stopping leaves zero traces", async () => {
    expect(countTraces(await cluster.traces())).toBeGreaterThan(20);
    await cluster.stop();
    expect(await cluster.traces()).toEqual({
      processes: [],
      networkNamespaces: [],
      links: [],
      cgroups: [],
      mounts: [],
      folders: [],
    });
    expect(machine()).toEqual(before);
  }, 60_000);
});
