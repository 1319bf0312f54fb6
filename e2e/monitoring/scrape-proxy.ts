/**
 * A way for a Prometheus outside the cluster to read metrics as one inside: a pod that may read them, by its labels, and
 * hands on what it is asked for. Policies of the network hold for it as for any scraper.
 */
import { scriptPod } from "../script-pod.ts";

/** Name of the pod and its Service. */
export const PROXY = "scrape-proxy";
const PORT = 8080;

/** An HTTP proxy that takes whole URLs, as Prometheus sends them with `proxy_url`; for `node --eval`. */
export const proxyScript = (port: number): string => `
  const http = require("node:http");
  http.createServer((asked, answer) => {
    const onward = http.request(asked.url, { method: asked.method, headers: asked.headers }, (found) => {
      answer.writeHead(found.statusCode, found.headers);
      found.pipe(answer);
    });
    onward.on("error", (error) => answer.writeHead(502).end(String(error)));
    asked.pipe(onward);
  }).listen(${port});
`;

/** To apply; the Service answers on port 80. */
export function scrapeProxy(labels: Readonly<Record<string, string>>, image: string): readonly object[] {
  const selector = { app: PROXY };
  return [
    scriptPod(PROXY, { labels: { ...labels, ...selector }, image, script: proxyScript(PORT) }),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: PROXY },
      spec: { selector, ports: [{ port: 80, targetPort: PORT }] },
    },
  ];
}
