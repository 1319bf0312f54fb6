/**
 * A short hash of a JSON value, for names that follow from content.
 */
import { hash } from "node:crypto";
import { isRecord, type JsonRecord } from "./json.ts";

/**
 * JSON with sorted keys and without absent fields: equal values give equal text. An operator makes one of every object
 * at every look, so it is built up as one text, without a list of its parts.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return listText(value);
  return isRecord(value) ? recordText(value) : (JSON.stringify(value) ?? "null");
}

function listText(list: readonly unknown[]): string {
  let text = "";
  for (const item of list) text += text === "" ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `[${text}]`;
}

function recordText(record: JsonRecord): string {
  let text = "";
  for (const name of Object.keys(record).sort()) {
    const field = record[name];
    if (field === undefined) continue;
    if (text !== "") text += ",";
    text += `${quoted(name)}:${canonicalJson(field)}`;
  }
  return `{${text}}`;
}

/** What JSON writes as it is: neither quotes, backslashes and control characters nor halves of a pair. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Consonants and digits only, so that no name spells a word. */
const ALPHABET = "bcdfghjklmnpqrstvwxz0123456789";

/** A whole number from 0 to `bound` - 1 that follows from the value. `bound` is at most 2^32. */
export function contentNumber(value: unknown, bound: number): number {
  return hash("sha256", canonicalJson(value), "buffer").readUInt32BE() % bound;
}

/** Ten characters (49 bits). */
export function contentHash(value: unknown): string {
  // Each character of the digest is one of its bytes: made as a text, it costs a fifth of what a buffer does.
  const bytes = hash("sha256", canonicalJson(value), "binary");
  let text = "";
  for (let index = 0; index < 10; index++) text += ALPHABET.charAt(bytes.charCodeAt(index) % ALPHABET.length);
  return text;
}
