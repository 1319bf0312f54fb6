/**
 * The Python package `model-signing`, which makes signature bundles of OpenSSF Model Signing.
 */
import { callersEnvironment, runOrFail } from "./command.ts";
import { pythonPackages } from "./python-packages.ts";

/** Signs a file or folder with a private key in PEM form, into a bundle at `signature`. */
export async function signModel(path: string, privateKey: string, signature: string): Promise<void> {
  const packages = await pythonPackages("model-signing");
  const sign = ["sign", "key", path, `--private_key=${privateKey}`, `--signature=${signature}`];
  await runOrFail("python3", ["-m", "model_signing", ...sign], {
    wholeEnvironment: callersEnvironment({ PYTHONPATH: packages }),
  });
}
