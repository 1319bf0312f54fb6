/**
 * REST requests for tests, and the requests that the tiny models take.
 */
import type { TestServer } from "./server.ts";

/** An answer with its JSON body. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Gets a path. */
export async function get(server: TestServer, path: string): Promise<Omit<RestAnswer, "headers">> {
  const response = await fetch(`${server.restUrl}${path}`);
  return { status: response.status, body: await response.json() };
}

/** Sends an infer request: text as it is, anything else as JSON. */
export async function infer(server: TestServer, body: unknown, init: RequestInit = {}): Promise<RestAnswer> {
  const response = await fetch(`${server.restUrl}/v2/models/m/infer`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** A request to the model `slow`: about 4 ms for each thousand steps. */
export function steps(count: number) {
  return { inputs: [{ name: "steps", datatype: "INT64", shape: [], data: [count] }] };
}

/** A request to the model `mlp`. */
export const MLP_REQUEST = {
  id: "7",
  inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], data: [[1, 2, 3, 4]] }],
};
