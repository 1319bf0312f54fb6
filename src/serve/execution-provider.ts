/**
 * Tells a model server that cannot compute with its execution provider from a model that cannot be loaded, because
 * people act on the two in different ways.
 *
 * It never falls back to another provider: a GPU that is paid for and not used must be seen.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Where ONNX Runtime looks for a provider that is not built into it: beside its own library. */
const LIBRARY_FOLDER = join(
  dirname(createRequire(import.meta.url).resolve("onnxruntime-node")),
  `../bin/napi-v6/${process.platform}/${process.arch}`,
);

/** CUDA's numbers for "no usable driver", "no device" and "the driver is too old", which no model can cause. */
const CUDA_WITHOUT_DEVICE = /CUDA failure (?:35|100|803|804)\b[^;\n]*/;

/** Whether this installation has a provider at all, whether or not it can be used. */
export function executionProviderIsInstalled(provider: string): boolean {
  return (
    provider === "CPU" ||
    existsSync(join(LIBRARY_FOLDER, `libonnxruntime_providers_${provider.toLowerCase()}.so`))
  );
}

/**
 * What ONNX Runtime's error says about the provider, or undefined when it is about something else.
 *
 * @param provider - as in the spec: `CPU` or `CUDA`.
 * @param isInstalled - see {@link executionProviderIsInstalled}.
 * @param error - ONNX Runtime's words when the model could not be loaded.
 */
export function executionProviderTrouble(
  provider: string,
  isInstalled: boolean,
  error: string,
): string | undefined {
  if (provider === "CPU") return undefined;
  if (!isInstalled) {
    return `this image has no execution provider ${provider}: run pools with GPUs on the image petrel-serve-cuda (value cudaImage of the chart), or state runtime.executionProvider: CPU`;
  }
  const isNotLoaded = error.startsWith("OrtSessionOptionsAppendExecutionProvider");
  const words = isNotLoaded ? error : CUDA_WITHOUT_DEVICE.exec(error)?.[0].trim();
  return words === undefined
    ? undefined
    : `the execution provider ${provider} finds no usable GPU (${words}): check the driver of the node and the runtimeClassName of the pool, or state runtime.executionProvider: CPU`;
}
