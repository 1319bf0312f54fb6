/**
 * What is found in a manifest: where, how bad it is, and what to do about it.
 */

/** Way to a field of a manifest: names, and indices of lists. */
export type FieldPath = readonly (string | number)[];

/** Something wrong or unwise about one field. */
export interface Problem {
  readonly path: FieldPath;
  /** What is wrong: what was expected, what came. */
  readonly message: string;
  /** What to do. */
  readonly remedy?: string;
}

/** A problem of one document of one file. */
export interface Finding extends Problem {
  /** `Error`: the API server refuses it. `Warning`: it is legal, and unwise. `Note`: it is only told. */
  readonly severity: "Error" | "Warning" | "Note";
  /** What found it: `Syntax`, `Schema`, `Rule`, or the name of a lint or of what is told. */
  readonly check: string;
  readonly file: string;
  /** From 1. */
  readonly document: number;
  /** From 1; absent where the text has no place for it. */
  readonly line?: number;
  /** `KIND/NAME`, as far as the document says. */
  readonly object?: string;
}

/** `spec.pools[1].name`. */
export function pathText(path: FieldPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** Undoes {@link pathText}, as far as the text is one: `spec.pools[].digest` leads to `spec.pools`. */
export function parsePath(text: string): FieldPath {
  const path: (string | number)[] = [];
  for (const [, name, index] of text.matchAll(/([^.[\]]+)|\[(\d*)\]/g)) {
    if (name !== undefined) path.push(name);
    else if (index === "") return path;
    else path.push(Number(index));
  }
  return path;
}
