/**
 * What the chart renders, on a real kube-apiserver: it is accepted, what is for the Prometheus Operator by its own
 * schemas; it is what the golden files say; mistakes in values are refused.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import { type ControlPlane, moduleFolder, startControlPlane } from "../../e2e/cluster/index.ts";
import { GoldenFolder } from "../golden/golden-file.ts";
import { chart, type Helm, type HelmHome, openHelm, repository, succeeding } from "./chart-setup.ts";

// Each render and each question to the API server takes moments, and longer on a machine that is busy.
jest.setTimeout(60_000);

const OWN = "petrel-system";
const digest = `sha256:${"0".repeat(64)}`;
const aboutPods = [
  "--set=imagePullSecrets[0].name=registry,priorityClassName=critical",
  '--set-json=nodeSelector={"kubernetes.io/os":"linux"}',
  '--set-json=tolerations=[{"key":"dedicated","operator":"Equal","value":"control","effect":"NoSchedule"}]',
  '--set-json=affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}',
  '--set-json=topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"rack","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"app.kubernetes.io/component":"operator"}}}]',
  '--set-json=resources={"limits":{"cpu":1,"memory":"1Gi"}}',
  '--set-json=podLabels={"tier":"control"}',
  '--set-json=podAnnotations={"example.com/note":"operators"}',
];
const aboutRouters = [
  "--set=router.imagePullSecrets[0].name=registry,envoy.resources.limits.memory=2Gi",
  '--set-json=router.nodeSelector={"pool":"edge"}',
  '--set-json=router.tolerations=[{"key":"dedicated","operator":"Equal","value":"edge","effect":"NoSchedule"}]',
  '--set-json=router.resources={"limits":{"cpu":1}}',
];
const aboutCollectors = [
  "--set=collector.storage.size=50Gi,collector.storage.className=fast",
  '--set-json=collector.resources={"limits":{"memory":"1Gi"}}',
];
const gateUrls = '--set-json=gates.allowedUrls=["http://prometheus.monitoring.svc:9090/tenant"]';
const everything = [
  gateUrls,
  "--set=autoscaling.keda=true",
  ...aboutRouters,
  ...aboutCollectors,
  ...aboutPods,
  '--set-json=commonLabels={"team":"search"}',
  '--set-json=commonAnnotations={"example.com/owner":"search"}',
  '--set-json=networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}]',
  "--set=podMonitor.enabled=true,podMonitor.interval=15s,podMonitor.labels.release=prometheus",
  "--set=prometheusRule.enabled=true,prometheusRule.labels.release=prometheus,prometheusRule.availability=99.5%",
  "--set=alertmanagerConfig.enabled=true,alertmanagerConfig.labels.team=search,alertmanagerConfig.secretName=hooks",
  "--set=dashboards.enabled=true,dashboards.folder=Models",
  `--set=image.digest=${digest},logLevel=debug`,
];
const namespaces = ["--set=namespaces={shop,search}"];
const withoutClusterScope = [...namespaces, "--set=crds.enabled=false,userRoles.enabled=false"];

let controlPlane: ControlPlane;
let home: HelmHome;
let helm: Helm;

beforeAll(async () => {
  // A dry run stores nothing, so the account of a pod of the chart is not there to be found.
  controlPlane = await startControlPlane({ apiserverFlags: ["--disable-admission-plugins=ServiceAccount"] });
  home = await openHelm(controlPlane);
  helm = home.helm;
  for (const name of [OWN, "shop", "search"]) await controlPlane.kubectl(["create", "namespace", name]);
  const folder = join(await moduleFolder("prometheus-operator"), "example/prometheus-operator-crd");
  const files = ["podmonitors", "prometheusrules", "alertmanagerconfigs"].map(
    (kind) => `--filename=${join(folder, `monitoring.coreos.com_${kind}.yaml`)}`,
  );
  await controlPlane.kubectl(["apply", "--server-side", ...files]);
  await controlPlane.kubectl(["wait", "--for=condition=Established", ...files, "--timeout=300s"]);
}, 1_800_000);

afterAll(async () => {
  await controlPlane?.stop();
  home?.remove();
});

function template(values: readonly string[], release = "petrel"): Promise<string> {
  return succeeding(helm("template", release, chart, `--namespace=${OWN}`, ...values));
}

/** The version of the package, which chart and image share. */
function packageVersion(): unknown {
  return JSON.parse(readFileSync(join(repository, "package.json"), "utf8")).version;
}

describe("the chart", () => {
  it("passes the strict linter", async () => {
    await succeeding(helm("lint", "--strict", chart));
  });

  it("has the version of the package", () => {
    const chartFile: unknown = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
    expect(chartFile).toMatchObject({ version: packageVersion(), appVersion: packageVersion() });
  });

  it.each([
    ["the defaults", "petrel", []],
    ["a release of the longest name", "r".repeat(53), []],
    ["no CRDs", "petrel", ["--set=crds.enabled=false"]],
    ["CRDs that go with the chart", "petrel", ["--set=crds.keep=false"]],
    ["no policy", "petrel", ["--set=networkPolicy.enabled=false"]],
    ["all about pods", "petrel", aboutPods],
    ["all values", "petrel", everything],
    ["chosen namespaces", "petrel", namespaces],
    ["its own namespace", "petrel", [`--set=namespaces={${OWN}}`]],
  ])("renders what the API server takes without a warning: %s", async (_name, release, values) => {
    const input = await template(values, release);
    const apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors"];
    await controlPlane.kubectl([...apply, "--validate=strict", "--filename=-"], { input });
  });

  it("renders nothing outside namespaces where it may not", async () => {
    const rendered = parseAllDocuments(await template(withoutClusterScope)).map((document) =>
      document.toJS(),
    );
    const objects = rendered.filter((object) => object !== null);
    expect(objects.length).toBeGreaterThan(5);
    for (const { kind, metadata } of objects) expect({ kind, ...metadata }).toHaveProperty("namespace");
  });

  it.each([
    ["image.tag=1.2.3", "ghcr.io/petrel-dev/petrel:1.2.3"],
    [`image.repository=registry:5000/petrel,image.digest=${digest}`, `registry:5000/petrel@${digest}`],
  ])("runs the operator, and what it makes, from one image: %s", async (values, image) => {
    const only = "--show-only=templates/operator/deployment.yaml";
    const deployment = await template([only, "--set", values]);
    expect(deployment).toContain(`image: "${image}"\n`);
    expect(deployment).toContain(`- --image=${image}\n`);
  });

  it("lets gates ask where it is said, and says nothing of it otherwise", async () => {
    const only = "--show-only=templates/operator/deployment.yaml";
    const argument = '--gate-urls=["http://prometheus.monitoring.svc:9090/tenant"]';
    const renderedArguments = async (...values: string[]): Promise<unknown> =>
      parse(await template([only, ...values])).spec.template.spec.containers[0].args;
    expect(await renderedArguments(gateUrls)).toContain(argument);
    expect(await renderedArguments()).not.toContainEqual(expect.stringMatching(/^--gate-urls/));
  });

  it("has the rights and the argument for KEDA together, or neither", async () => {
    const mentions = async (...values: string[]) => {
      const text = await template(values);
      return [text.includes("- --keda\n"), text.includes("scaledobjects")];
    };
    expect(await mentions("--set=autoscaling.keda=true")).toEqual([true, true]);
    expect(await mentions()).toEqual([false, false]);
  });

  it.each([
    ["replicas=two", "at '/replicas': got string, want integer"],
    ["modelServers.metricsFrom[0].ipBlock.cidr=0.0.0.0/0", "additional properties 'ipBlock' not allowed"],
    ["gates.allowedUrls[0]=ftp://files", "at '/gates/allowedUrls/0': 'ftp://files' does not match pattern"],
    ["router.replicas=0", "at '/router/replicas': minimum: got 0, want 1"],
    ["router.resources.limits.memory=lots", "at '/router/resources/limits/memory': 'lots' does not match"],
    ["envoy.resources.limit.memory=1Gi", "at '/envoy/resources': additional properties 'limit' not allowed"],
    ["router.imagePullSecrets[0].name=A_b", "at '/router/imagePullSecrets/0/name': 'A_b' does not match"],
    [
      "image.pullPolicy=Sometimes",
      "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    ],
    ["image.digest=latest", "at '/image/digest': 'latest' does not match pattern"],
    ["replicaCount=3", "additional properties 'replicaCount' not allowed"],
    ["crds.enable=true", "at '/crds': additional properties 'enable' not allowed"],
    ["resources.limit.memory=1Gi", "at '/resources': additional properties 'limit' not allowed"],
    ["envoy=null", "missing property 'envoy'"],
    ["namespaces={Shop}", "at '/namespaces/0': 'Shop' does not match pattern"],
    ["logLevel=trace", "at '/logLevel': value must be one of 'debug', 'info', 'warn', 'error'"],
    ["prometheusRule.availability=100%", "at '/prometheusRule/availability': '100%' does not match pattern"],
    [
      "prometheusRule.latencyMilliseconds=200",
      "at '/prometheusRule/latencyMilliseconds': value must be one of",
    ],
    ["dashboards.folders=a", "at '/dashboards': additional properties 'folders' not allowed"],
    ["podMonitor.interval=soon", "at '/podMonitor/interval': 'soon' does not match pattern"],
    ["podLabels.app\\.kubernetes\\.io/name=mine", "invalid propertyName 'app.kubernetes.io/name'"],
    ["topologySpreadConstraints[0].maxSkew=1", "missing properties 'topologyKey', 'whenUnsatisfiable'"],
  ])("refuses %s", async (value, message) => {
    const { exitCode, stderr } = await helm("template", "petrel", chart, "--set", value);
    expect(stderr).toContain(message);
    expect(exitCode).not.toBe(0);
  });
});

describe("the pod monitors", () => {
  const shown = ["--show-only=templates/pod-monitors.yaml", "--set=podMonitor.enabled=true"];

  it("scrape ports that Petrel's pods have", async () => {
    const monitors = parseAllDocuments(await template(shown)).map((document) => document.toJS());
    const asked = monitors.flatMap(({ metadata, spec }) =>
      spec.podMetricsEndpoints.map(({ port }: { readonly port: string }) => `${metadata.name} ${port}`),
    );
    expect(asked).toEqual([
      "petrel-operator http",
      "petrel-router http",
      "petrel-router envoy-metrics",
      "petrel-model-server metrics",
      "petrel-model-server sidecar",
      "petrel-collector http",
    ]);
    const pods = [
      ["router", "http"] as const,
      ["router", "envoy-metrics"] as const,
      ["model-servers", "metrics"] as const,
      ["model-servers-observed", "sidecar"] as const,
      ["collector", "http"] as const,
    ];
    for (const [file, port] of pods) {
      const rendered = readFileSync(join(repository, `test/golden/kubernetes/${file}.yaml`), "utf8");
      expect(rendered).toMatch(new RegExp(`- name: ${port}\\n +containerPort: \\d+\\n`));
    }
  });
});

/**
 * Without the rules of roles, alerts and dashboards, which are files of their own or are held by other tests:
 * `chart.test.ts` holds the rights of roles to what Petrel needs, verb by verb.
 */
function withoutRules(rendered: string): string {
  return rendered
    .replaceAll(/^rules:\n(?:(?: {2}.*)?\n)+/gm, "rules: [...]\n")
    .replaceAll(/^( {2}groups:\n)(?:(?: {4}.*)?\n)+/gm, "  groups: [...]\n")
    .replaceAll(/^( {2}[-\w]+\.json: )\|\n(?:(?: {4}.*)?\n)+/gm, "$1...\n");
}

describe("the rendered chart is as it was reviewed", () => {
  const golden = new GoldenFolder("helm");

  it.each([
    // The CRDs have their own generated files.
    ["defaults.yaml", ["--set=crds.enabled=false"]],
    ["everything.yaml", ["--set=crds.enabled=false", ...everything]],
    ["namespaces.yaml", withoutClusterScope],
  ])("%s", async (file, values) => {
    golden.expectFile(file, withoutRules(await template(values)));
  });

  it("and no other file stands beside", () => golden.expectNothingElse());
});
