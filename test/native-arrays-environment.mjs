/**
 * Jest's environment for Node, with the typed arrays of the process. Jest gives each test file globals of its own
 * but shares Uint8Array; ONNX Runtime, which is loaded once for the process, takes only arrays of the first kind
 * that it saw.
 */
import { TestEnvironment } from "jest-environment-node";

const ARRAYS = [
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  BigUint64Array,
  BigInt64Array,
  Float32Array,
  Float64Array,
];

export default class NativeArraysEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const array of ARRAYS) this.global[array.name] = array;
  }
}
