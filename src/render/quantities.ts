/** Amounts of resources as they are rendered. */

/** Amounts by resource as text, as Kubernetes stores them. */
export function quantities(list: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(list).map(([resource, amount]) => [resource, String(amount)]));
}
