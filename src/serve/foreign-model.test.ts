/**
 * A model that this project did not make, from the npm package openwakeword-js (Apache-2.0): served, and
 * compared with ONNX Runtime itself, so that the server does not only fit its own tiny models.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { grpcClient } from "./testdata/grpc-client.ts";
import { startServer, type TestServer } from "./testdata/server.ts";

jest.setTimeout(60_000);

const PACKAGE = join(import.meta.dirname, "..", "..", "node_modules", "openwakeword-js");
const MODEL_FILE = join(PACKAGE, "models", "hello_deepa.onnx");
/** The model takes 25 frames of 96 speech features and gives the score of a wake word. */
const SHAPE = [1, 25, 96];

/** Runs the model directly, in a process of its own: onnxruntime-node does not work inside of jest's contexts. */
const DIRECT_RUN = `
  import { InferenceSession, Tensor } from "onnxruntime-node";
  const [file, data, shape] = JSON.parse(process.argv[1]);
  const session = await InferenceSession.create(file, { logSeverityLevel: 4 });
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  const results = await session.run({ [input]: new Tensor("float32", Float32Array.from(data), shape) });
  console.log(JSON.stringify({ input, output, data: Array.from(results[output].data) }));
`;

let server: TestServer;

beforeAll(async () => {
  server = await startServer(MODEL_FILE);
  await server.server.load();
});

afterAll(() => server.close());

/** A wave: unlike zeros, no two features are the same. */
function features(scale: number): Float32Array {
  return Float32Array.from({ length: 25 * 96 }, (_, index) => Math.sin(index / 7) * scale);
}

test.each([1, 3, 30])(
  "gives over REST and gRPC what ONNX Runtime gives directly (features times %d)",
  async (scale) => {
    const data = features(scale);
    const request = JSON.stringify([MODEL_FILE, Array.from(data), SHAPE]);
    const direct = JSON.parse(
      execFileSync(process.execPath, ["--input-type=module", "-e", DIRECT_RUN, request], {
        encoding: "utf8",
      }),
    );
    const expected: number[] = direct.data;
    expect(expected).toEqual([expect.any(Number)]);

    const metadata = await (await fetch(`${server.restUrl}/v2/models/m`)).json();
    expect(metadata).toMatchObject({
      inputs: [{ name: direct.input, datatype: "FP32" }],
      outputs: [{ name: direct.output, datatype: "FP32" }],
    });

    const url = `${server.restUrl}/v2/models/m/infer`;
    const input = { name: direct.input, datatype: "FP32", shape: SHAPE };
    const json = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ inputs: [{ ...input, data: Array.from(data) }] }),
    });
    expect(await json.json()).toMatchObject({ outputs: [{ name: direct.output, data: expected }] });

    const head = JSON.stringify({
      inputs: [{ ...input, parameters: { binary_data_size: data.byteLength } }],
      parameters: { binary_data_output: true },
    });
    const binary = await fetch(url, {
      method: "POST",
      headers: { "inference-header-content-length": String(head.length) },
      body: Uint8Array.from([...Buffer.from(head), ...new Uint8Array(data.buffer)]),
    });
    const jsonLength = Number(binary.headers.get("inference-header-content-length"));
    const bytes = await binary.arrayBuffer();
    expect(Array.from(new Float32Array(bytes.slice(jsonLength)))).toEqual(expected);

    const client = grpcClient(server.grpcAddress);
    const answer = await client.inference("ModelInfer", {
      modelName: "m",
      inputs: [{ ...input, contents: { fp32Contents: Array.from(data) } }],
    });
    client.close();
    expect(answer).toMatchObject({
      outputs: [{ name: direct.output, contents: { fp32Contents: expected } }],
    });
  },
);
