/**
 * What the API server itself says that the operator asked for: its audit log, read piece by piece.
 *
 * It is the second witness beside the operator's own `rest_client_requests_total`.
 */
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asString, parseJson, valueAt } from "../../src/api/json.ts";

/** Requests by what was asked, such as `patch modeldeployments/status`. */
export type RequestCounts = ReadonlyMap<string, number>;

/** Flags that make kube-apiserver log the requests of one user, one line at the end of each. */
export function auditFlags(
  folder: string,
  user: string,
): { readonly flags: string[]; readonly file: string } {
  const policy = join(folder, "audit-policy.json");
  const file = join(folder, "audit.jsonl");
  const rules = [{ level: "Metadata", users: [user] }, { level: "None" }];
  const omitStages = ["RequestReceived", "ResponseStarted"];
  writeFileSync(policy, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages, rules }));
  writeFileSync(file, "");
  return { flags: [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`], file };
}

/** Reads an audit log from where the last reading ended. */
export class AuditLog {
  readonly #file: string;
  #offset = 0;
  #rest = "";

  constructor(file: string) {
    this.#file = file;
  }

  /** Requests since the last reading. Watches are left out: one lasts for minutes and is logged at its end. */
  read(): RequestCounts {
    const size = statSync(this.#file).size;
    const bytes = Buffer.alloc(size - this.#offset);
    const descriptor = openSync(this.#file, "r");
    const length = readSync(descriptor, bytes, 0, bytes.length, this.#offset);
    closeSync(descriptor);
    this.#offset += length;
    const lines = (this.#rest + bytes.toString("utf8", 0, length)).split("\n");
    this.#rest = lines.pop() ?? "";
    const counts = new Map<string, number>();
    for (const line of lines) {
      const event = parseJson(line);
      const verb = asString(valueAt(event, "verb")) ?? "";
      if (verb === "watch") continue;
      const resource = asString(valueAt(event, "objectRef", "resource")) ?? "";
      const subresource = asString(valueAt(event, "objectRef", "subresource"));
      const what = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return counts;
  }
}

/** All requests but those of the leader election. */
export function withoutLease(counts: RequestCounts): number {
  return total(new Map([...counts].filter(([what]) => !what.endsWith(" leases"))));
}

/** All requests. */
export function total(counts: RequestCounts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
