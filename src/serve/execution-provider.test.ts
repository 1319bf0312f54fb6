import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { executionProviderIsInstalled, executionProviderTrouble } from "./execution-provider.ts";

const NOT_LOADED = "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library";

describe("an error of ONNX Runtime", () => {
  test.each([
    [
      "names the image that has no provider",
      false,
      NOT_LOADED,
      /^this image has no .*petrel-serve-cuda.*: CPU$/,
    ],
    [
      "names the node when the provider cannot be loaded",
      true,
      NOT_LOADED,
      /no usable GPU \(.*shared library\).*driver/,
    ],
    [
      "names the node when there is no driver",
      true,
      "cuda_call.cc:146 CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=a",
      /no usable GPU \(CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version\): check the driver/,
    ],
    [
      "names the node when there is no device",
      true,
      "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1",
      /no usable GPU \(CUDA failure 100: no CUDA-capable device is detected\)/,
    ],
  ])("%s", (_what, isInstalled, error, expected) => {
    expect(executionProviderTrouble("CUDA", isInstalled, error)).toMatch(expected);
  });

  test.each([
    ["the model is broken", "Load model from model.onnx failed:Protobuf parsing failed."],
    ["the memory of the GPU is full", "CUDA failure 2: out of memory ; GPU=0"],
    ["a number only starts like one of a missing device", "CUDA failure 350: something else"],
  ])("is not about the provider when %s", (_what, error) => {
    expect(executionProviderTrouble("CUDA", true, error)).toBeUndefined();
  });

  test("is never about the CPU, which is always there", () => {
    expect(executionProviderTrouble("CPU", true, NOT_LOADED)).toBeUndefined();
  });
});

test("this installation has the CPU alone", () => {
  expect(executionProviderIsInstalled("CPU")).toBe(true);
  expect(executionProviderIsInstalled("CUDA")).toBe(false);
});

test("the image with CUDA takes the provider of the very version of onnxruntime-node", () => {
  const requirements = readFileSync(
    join(import.meta.dirname, "../../images/serve-cuda/requirements.txt"),
    "utf8",
  );
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json");
  expect(/^onnxruntime-gpu==(\S+) --hash=sha256:[0-9a-f]{64}$/m.exec(requirements)?.[1]).toBe(version);
  for (const line of requirements.split("\n").filter((text) => !/^(#|$)/.test(text))) {
    expect(line).toMatch(/^[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}$/);
  }
});
