/**
 * The messages of `inference.GRPCInferenceService` and `grpc.health.v1.Health`, with the field numbers of the
 * Open Inference Protocol, as descriptors in code: a `.proto` file would be lost when this is compiled.
 *
 * Decoding gives plain objects with every field present. 64-bit integers are BigInt. It is for small messages: what a
 * client sends to be inferred is read by `grpc-infer-request.ts`.
 */
import protobuf from "protobufjs/light.js";

/** A `map<string, InferParameter>`. */
function parameterMap(id: number) {
  return { keyType: "string", type: "InferParameter", id };
}

const root = protobuf.Root.fromJSON({
  nested: {
    inference: {
      nested: {
        ServerLiveRequest: { fields: {} },
        ServerLiveResponse: { fields: { live: { type: "bool", id: 1 } } },
        ServerReadyRequest: { fields: {} },
        ServerReadyResponse: { fields: { ready: { type: "bool", id: 1 } } },
        ModelReadyRequest: {
          fields: { name: { type: "string", id: 1 }, version: { type: "string", id: 2 } },
        },
        ModelReadyResponse: { fields: { ready: { type: "bool", id: 1 } } },
        ServerMetadataRequest: { fields: {} },
        ServerMetadataResponse: {
          fields: {
            name: { type: "string", id: 1 },
            version: { type: "string", id: 2 },
            extensions: { rule: "repeated", type: "string", id: 3 },
          },
        },
        ModelMetadataRequest: {
          fields: { name: { type: "string", id: 1 }, version: { type: "string", id: 2 } },
        },
        ModelMetadataResponse: {
          fields: {
            name: { type: "string", id: 1 },
            versions: { rule: "repeated", type: "string", id: 2 },
            platform: { type: "string", id: 3 },
            inputs: { rule: "repeated", type: "TensorMetadata", id: 4 },
            outputs: { rule: "repeated", type: "TensorMetadata", id: 5 },
          },
          nested: {
            TensorMetadata: {
              fields: {
                name: { type: "string", id: 1 },
                datatype: { type: "string", id: 2 },
                shape: { rule: "repeated", type: "int64", id: 3 },
              },
            },
          },
        },
        InferParameter: {
          oneofs: {
            parameterChoice: {
              oneof: ["boolParam", "int64Param", "stringParam", "doubleParam", "uint64Param"],
            },
          },
          fields: {
            boolParam: { type: "bool", id: 1 },
            int64Param: { type: "int64", id: 2 },
            stringParam: { type: "string", id: 3 },
            doubleParam: { type: "double", id: 4 },
            uint64Param: { type: "uint64", id: 5 },
          },
        },
        InferTensorContents: {
          fields: {
            boolContents: { rule: "repeated", type: "bool", id: 1 },
            intContents: { rule: "repeated", type: "int32", id: 2 },
            int64Contents: { rule: "repeated", type: "int64", id: 3 },
            uintContents: { rule: "repeated", type: "uint32", id: 4 },
            uint64Contents: { rule: "repeated", type: "uint64", id: 5 },
            fp32Contents: { rule: "repeated", type: "float", id: 6 },
            fp64Contents: { rule: "repeated", type: "double", id: 7 },
            bytesContents: { rule: "repeated", type: "bytes", id: 8 },
          },
        },
        InferTensor: {
          fields: {
            name: { type: "string", id: 1 },
            datatype: { type: "string", id: 2 },
            shape: { rule: "repeated", type: "int64", id: 3 },
            parameters: parameterMap(4),
            contents: { type: "InferTensorContents", id: 5 },
          },
        },
        InferRequestedOutput: {
          fields: {
            name: { type: "string", id: 1 },
            parameters: parameterMap(2),
          },
        },
        ModelInferRequest: {
          fields: {
            modelName: { type: "string", id: 1 },
            modelVersion: { type: "string", id: 2 },
            id: { type: "string", id: 3 },
            parameters: parameterMap(4),
            inputs: { rule: "repeated", type: "InferTensor", id: 5 },
            outputs: { rule: "repeated", type: "InferRequestedOutput", id: 6 },
            rawInputContents: { rule: "repeated", type: "bytes", id: 7 },
          },
        },
        ModelInferResponse: {
          fields: {
            modelName: { type: "string", id: 1 },
            modelVersion: { type: "string", id: 2 },
            id: { type: "string", id: 3 },
            parameters: parameterMap(4),
            outputs: { rule: "repeated", type: "InferTensor", id: 5 },
            rawOutputContents: { rule: "repeated", type: "bytes", id: 6 },
          },
        },
      },
    },
    health: {
      nested: {
        HealthCheckRequest: { fields: { service: { type: "string", id: 1 } } },
        HealthCheckResponse: { fields: { status: { type: "int32", id: 1 } } },
      },
    },
  },
});

/** Names of the messages in the descriptors. */
export type MessageName = `inference.${string}` | `health.${string}`;

/** Writes a message. 64-bit integers may be numbers, if they are safe, or decimal text. */
export function encodeMessage(name: MessageName, fields: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(root.lookupType(name).encode(fields).finish());
}

/**
 * Reads a message, every field present.
 *
 * @throws {Error} when the bytes are no such message or nested too deep.
 */
export function decodeMessage(name: MessageName, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { defaults: true, longs: BigInt });
}
