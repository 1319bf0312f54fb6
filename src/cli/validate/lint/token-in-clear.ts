/**
 * Secrets that go over the network as everybody can read them.
 */
import type { Problem } from "../finding.ts";
import type { Lint } from "./lint.ts";

/** The lint `token-in-clear`. */
export const tokenInClear: Lint = {
  name: "token-in-clear",
  find({ traffic, fetch, model, pools }) {
    const found: (Problem & { readonly remedy: string })[] = [];
    if (traffic.authentication?.jwt !== undefined && traffic.tls === undefined) {
      found.push({
        path: ["spec", "traffic", "authentication"],
        message: "clients send their tokens without TLS",
        remedy: "set spec.traffic.tls, unless something before the routers brings TLS",
      });
    }
    if (fetch?.authorization === undefined) return found;
    const uris = [
      { path: ["spec", "model", "uri"], uri: model.uri },
      ...pools.flatMap((pool, index) =>
        pool.model === undefined
          ? []
          : [{ path: ["spec", "pools", index, "model", "uri"], uri: pool.model.uri }],
      ),
    ];
    for (const { path, uri } of uris) {
      if (!uri.startsWith("http://")) continue;
      const message = "spec.fetch.authorization is sent to this server without TLS";
      found.push({ path, message, remedy: "fetch the model over https" });
    }
    return found;
  },
};
