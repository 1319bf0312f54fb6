/**
 * Kubernetes quantities (`500m`, `1Gi`, `1e3`), as far as telling whether two of them are equal (the API
 * server writes `1000m` back as `1`) and how many bytes one is. Exact, without floating point. Pure.
 *
 * Grammar: k8s.io/apimachinery/pkg/api/resource, `Quantity`.
 */

const QUANTITY = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?$/;

/** Powers of ten of the decimal suffixes. */
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
/** Powers of 1,024 of the binary suffixes, by position from 1. */
const BINARY = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** The value `numerator / 10^scale`. */
interface Exact {
  readonly numerator: bigint;
  readonly scale: number;
}

/** Whether both are quantities, of equal value. */
export function quantitiesAreEqual(left: string, right: string): boolean {
  const a = parse(left);
  const b = parse(right);
  if (a === undefined || b === undefined) return false;
  return a.numerator * 10n ** BigInt(b.scale) === b.numerator * 10n ** BigInt(a.scale);
}

/** The value as a whole number, rounded up; undefined when the text is no quantity, or beyond what is exact. */
export function wholeQuantity(text: string): number | undefined {
  const exact = parse(text);
  if (exact === undefined) return undefined;
  const unit = 10n ** BigInt(exact.scale);
  const whole = Number((exact.numerator + unit - 1n) / unit);
  return Number.isSafeInteger(whole) ? whole : undefined;
}

function parse(text: string): Exact | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const binary = BINARY.indexOf(suffix) + 1;
  if (binary > 0) return { numerator: digits * 1024n ** BigInt(binary), scale: fraction.length };
  const exponent = DECIMAL[suffix] ?? (suffix === "" ? 0 : Number.parseInt(suffix.slice(1), 10));
  const scale = fraction.length - exponent;
  return scale >= 0 ? { numerator: digits, scale } : { numerator: digits * 10n ** BigInt(-scale), scale: 0 };
}
