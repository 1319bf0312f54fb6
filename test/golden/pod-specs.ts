/** Parts of specs that shape pods: the ways to a model, and a container of the user's choice. */
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import type { RuntimeSpec } from "../../src/api/runtime.ts";
import { model } from "../fixtures/world.ts";

const { digest } = model("v1");

/** Every way to a model, and everything that may be said about it. */
export const fetched: Readonly<Record<string, Partial<ModelDeploymentSpec>>> = {
  "from a store with keys": {
    model: {
      uri: "s3://models/ranker/42.tar.gz",
      digest,
      archive: "TarGzip",
      verify: {
        type: "DetachedSignature",
        publicKey: { kind: "Secret", name: "signing", key: "cosign.pub" },
        signature: "pvc://signatures/ranker/42.sig",
      },
    },
    fetch: {
      timeout: "1h",
      maxSize: "20Gi",
      ephemeralStorage: "40Gi",
      certificateAuthority: { kind: "ConfigMap", name: "shop-ca", key: "ca.crt" },
      proxy: { url: "http://proxy.example:3128", exceptions: [".svc", "10.0.0.1"] },
      s3: { endpoint: "https://store.example:9000", region: "eu-1", credentialsSecret: "store" },
      cache: { claimName: "model-cache" },
    },
  },
  "from a store by identity": {
    model: { uri: "s3://models/ranker/42", digest },
    fetch: {
      s3: {
        webIdentity: {
          audience: "sts.amazonaws.com",
          roleArn: "arn:aws:iam::123456789012:role/model-reader",
          tokenService: "https://sts.example",
        },
      },
    },
  },
  "from a server with authorization": {
    model: { uri: "https://models.example/ranker.onnx", digest },
    fetch: { authorization: { kind: "Secret", name: "store", key: "token" } },
  },
  "from a claim": {
    model: {
      uri: "pvc://models/ranker/42",
      digest,
      verify: { type: "ModelSigning", publicKey: { kind: "ConfigMap", name: "signing", key: "model.pub" } },
    },
    fetch: { cache: { claimName: "not-for-claims" } },
  },
  "as an image": { model: { uri: `oci://registry.example:5000/models/ranker@${digest}` } },
};

/** A container of the user's choice. */
export const triton: RuntimeSpec = {
  name: "container",
  intraOpThreads: 1,
  container: {
    image: "registry.example/tritonserver:24.10",
    command: ["tritonserver"],
    args: ["--model-repository=/models", "--http-port=8080"],
    env: [{ name: "HOME", value: "/tmp" }],
  },
};
