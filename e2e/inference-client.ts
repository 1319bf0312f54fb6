/**
 * A client of the Open Inference Protocol, over REST and over gRPC, as small as one of a user.
 */
import { join } from "node:path";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** The answer to a request for scores. */
export interface Prediction {
  /** One for each row. */
  readonly scores: readonly number[];
  /** Version of the model that answered: a model revision. */
  readonly revision: string;
}

const CALL_TIMEOUT_MILLISECONDS = 10_000;

/** Asks for the scores of rows over REST. Throws on any answer but 200. */
export async function predict(
  url: string,
  model: string,
  rows: readonly (readonly number[])[],
): Promise<Prediction> {
  const shape = [rows.length, rows[0]?.length ?? 0];
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "features", datatype: "FP32", shape, data: rows.flat() }] }),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MILLISECONDS),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  const answer = JSON.parse(text);
  return { scores: answer.outputs[0].data, revision: answer.model_version };
}

interface GrpcAnswer {
  readonly model_version: string;
  readonly outputs: readonly { readonly contents: { readonly fp32_contents: readonly number[] } | null }[];
  readonly raw_output_contents: readonly Buffer[];
}

function loadService(): ServiceDefinition {
  const path = join(import.meta.dirname, "open-inference.proto");
  const definition = loadSync(path, { keepCase: true, longs: Number, defaults: true })[
    "inference.GRPCInferenceService"
  ];
  if (definition === undefined || "format" in definition) throw new Error(`${path} holds no service`);
  return definition;
}

/** A connection to `http://HOST[:PORT]`, under another host name if one is given. The caller closes it. */
export function grpcClient(url: string, hostName?: string): Client {
  const { host } = new URL(url);
  const options = hostName === undefined ? {} : { "grpc.default_authority": hostName };
  return new Client(host.includes(":") ? host : `${host}:80`, credentials.createInsecure(), options);
}

/** A connection to `https://HOST`, which must prove to have the name. The caller closes it. */
export function grpcTlsClient(url: string, channel: ChannelCredentials, servername: string): Client {
  const { host } = new URL(url);
  return new Client(`${host}:443`, channel, { "grpc.ssl_target_name_override": servername });
}

/** Asks for the scores of rows over gRPC, with these metadata. Rejects on any status but OK. */
export function predictOverGrpc(
  client: Client,
  model: string,
  rows: readonly (readonly number[])[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<Prediction> {
  const method = loadService()["ModelInfer"];
  if (method === undefined) throw new Error("the service has no method ModelInfer");
  const shape = [rows.length, rows[0]?.length ?? 0];
  const contents = { fp32_contents: rows.flat() };
  const call = { model_name: model, inputs: [{ name: "features", datatype: "FP32", shape, contents }] };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      (bytes: Buffer) => method.responseDeserialize(bytes) as GrpcAnswer,
      call,
      Metadata.fromHttp2Headers({ ...metadata }),
      { deadline: Date.now() + CALL_TIMEOUT_MILLISECONDS },
      (error, answer) => {
        if (answer === undefined) return reject(error);
        const [raw] = answer.raw_output_contents;
        const typed = answer.outputs[0]?.contents?.fp32_contents ?? [];
        return resolve({ scores: raw === undefined ? typed : float32s(raw), revision: answer.model_version });
      },
    );
  });
}

function float32s(bytes: Buffer): readonly number[] {
  return Array.from({ length: bytes.length / 4 }, (_unused, index) => bytes.readFloatLE(index * 4));
}
