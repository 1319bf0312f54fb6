/**
 * Maps by name, converted value by value.
 */

/** A map with the same names. */
export function mapValues<Before, After>(
  map: ReadonlyMap<string, Before>,
  convert: (value: Before, name: string) => After,
): ReadonlyMap<string, After> {
  return new Map([...map].map(([name, value]) => [name, convert(value, name)]));
}

/** The entries that have a value. */
export function presentValues<Value>(
  map: ReadonlyMap<string, Value | undefined>,
): ReadonlyMap<string, Value> {
  return new Map([...map].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}
