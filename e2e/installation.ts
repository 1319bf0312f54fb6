/**
 * Petrel in a cluster, as a user puts it there: images that the nodes know, and the chart.
 */
import { join } from "node:path";
import {
  buildTools,
  type Cluster,
  envoyImage,
  type Progress,
  petrelImage,
  runOrFail,
} from "./cluster/index.ts";

/** This tree's chart. */
export const chart = join(import.meta.dirname, "../charts/petrel");

/** Namespace that the operator runs in. */
export const OPERATOR_NAMESPACE = "petrel-system";
/** Name of the Helm release. */
export const RELEASE = "petrel";

/** Where the installation of the tests lets gates of releases ask. */
export const GATE_HOOK = { namespace: "gate-hooks", host: "hook.gate-hooks.svc", port: 8080 } as const;

/** Labels of pods that may read the metrics of the model servers in their namespace. */
export const SCRAPER_LABELS = { "petrel.dev/test": "scraper" } as const;

/** Images to use where the cluster cannot be given any: a registry must have them. */
function givenImage(variable: string): string | undefined {
  return process.env[variable];
}

/** Builds Petrel's images, or takes the given ones, and makes them known to the nodes. */
export async function provideImages(
  cluster: Cluster,
  progress: Progress,
): Promise<{ readonly petrel: string; readonly envoy: string }> {
  const petrel = givenImage("PETREL_IMAGE");
  const envoy = givenImage("PETREL_ENVOY_IMAGE");
  if (petrel !== undefined && envoy !== undefined) return { petrel, envoy };
  if (!cluster.capabilities.has("LoadImage")) {
    throw new Error(
      "this cluster takes no images: set PETREL_IMAGE and PETREL_ENVOY_IMAGE to images that it can pull",
    );
  }
  const built = [await petrelImage(progress), await envoyImage(progress)] as const;
  for (const { name, archive } of built) {
    progress(`loading image ${name}`);
    await cluster.loadImage(archive);
  }
  return { petrel: built[0].name, envoy: built[1].name };
}

/** Runs helm against the cluster. */
export async function helm(cluster: Cluster, args: readonly string[]): Promise<string> {
  const tools = await buildTools(["helm"], () => {});
  return runOrFail(tools.program("helm"), ["--kubeconfig", cluster.kubeconfig, ...args], {
    timeoutMilliseconds: 5 * 60_000,
  });
}

/**
 * Installs or upgrades a chart of Petrel, with these images and more flags for values, and waits until the operator
 * is ready. Gives its notes.
 */
export function applyChart(
  cluster: Cluster,
  folder: string,
  images: { readonly petrel: string; readonly envoy: string },
  values: readonly string[] = [],
): Promise<string> {
  const [repository = "", tag = ""] = images.petrel.split(/:(?=[^:/]+$)/);
  return helm(cluster, [
    ...["upgrade", "--install", RELEASE, folder, "--namespace", OPERATOR_NAMESPACE, "--create-namespace"],
    ...["--set", `image.repository=${repository}`, "--set-string", `image.tag=${tag}`],
    ...["--set", `envoy.image=${images.envoy}`, "--wait", "--timeout", "3m"],
    ...values,
  ]);
}

/** Installs or upgrades this tree's chart and waits until the operator is ready. Gives the chart's notes. */
export async function installPetrel(cluster: Cluster, progress: Progress): Promise<string> {
  const images = await provideImages(cluster, progress);
  progress("helm upgrade --install petrel charts/petrel");
  const [repository = "", tag = ""] = images.petrel.split(/:(?=[^:/]+$)/);
  const scrapers = JSON.stringify([{ podSelector: { matchLabels: SCRAPER_LABELS } }]);
  return applyChart(cluster, chart, images, [
    // No node of a test has a real GPU, so the image without the CUDA provider stands in for the one with it.
    ...["--set", `cudaImage.repository=${repository}`, "--set-string", `cudaImage.tag=${tag}`],
    ...["--set-json", `modelServers.metricsFrom=${scrapers}`],
    ...["--set-json", `gates.allowedUrls=${JSON.stringify([`http://${GATE_HOOK.host}:${GATE_HOOK.port}`])}`],
  ]);
}
