/**
 * Counts a program's requests to the Kubernetes API, under client-go's name and labels, so that what is drawn for
 * controllers in Go fits here as well.
 */
import { Counter, type Registry } from "prom-client";

/** One request that has ended. `status` is 0 when no answer came. */
export interface CountedRequest {
  /** Of HTTP; `WATCH` for a watch, whose one request lasts for minutes. */
  readonly method: string;
  readonly status: number;
}

/** Adds `rest_client_requests_total` to a registry. `host` is the API server's, with its port. */
export function countRequests(registry: Registry, host: string): (request: CountedRequest) => void {
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Number of HTTP requests to the Kubernetes API, by status code (<error>: no answer), method and host.",
    labelNames: ["code", "method", "host"],
    registers: [registry],
  });
  return ({ method, status }) =>
    requests.inc({ code: status === 0 ? "<error>" : String(status), method, host });
}
