/**
 * Asks another router's Envoy for a sign of life, on a connection of its own: new connections are what is at stake.
 *
 * Any answer counts. What Envoy says of itself is reported by the router beside it, which knows it better.
 */
import { request } from "node:http";

/** Resolves with whether the router at the address answered in time. Never rejects. */
export type PeerProbe = (address: string, timeoutMilliseconds: number) => Promise<boolean>;

/** Probes the port where Envoy shows its readiness. */
export function httpPeerProbe(port: number): PeerProbe {
  return (host, timeoutMilliseconds) =>
    new Promise((resolve) => {
      const call = request({ host, port, path: "/ready", agent: false }, (response) => {
        response.once("error", () => {}).destroy();
        end(true);
      });
      const timer = setTimeout(() => end(false), timeoutMilliseconds);
      const end = (hasAnswered: boolean) => {
        clearTimeout(timer);
        call.destroy();
        resolve(hasAnswered);
      };
      call.on("error", () => end(false)).end();
    });
}
