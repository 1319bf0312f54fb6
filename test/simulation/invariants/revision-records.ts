/**
 * A ControllerRevision is the only memory of what a revision was: it stays as it is, as long as anybody needs it.
 */
import { valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import { isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

/** The operator never removes the record of a revision that is stable or candidate, and never changes one. */
export const revisionRecords: Invariant = {
  name: "the record of a revision stays as long as it has a role, and as it is",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (before?.kind !== "ControllerRevision" || !isOperator(actor)) return undefined;
    const { name } = before.metadata;
    if (after !== undefined) {
      const isSame = jsonEquals(valueAt(before, "data"), valueAt(after, "data"));
      return isSame ? undefined : `${actor} changes what ${name} holds`;
    }
    const isNeeded = ({ roles }: { readonly roles: readonly string[] }) => roles.includes(name);
    const owner = facts.ownerOf(before);
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return undefined;
    return isNeeded(facts.needsOf(before)) && isNeeded(facts.whenSent(write))
      ? `${actor} removes ${name}`
      : undefined;
  },
};
