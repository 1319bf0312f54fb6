/**
 * Columns of text, each as wide as its widest cell. Pure.
 */

const GAP = "  ";

/** Rows of cells as lines, `indent` in front of each. The last column is never padded. */
export function tableLines(rows: readonly (readonly string[])[], indent = ""): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.slice(0, -1).entries()) {
      widths[index] = Math.max(widths[index] ?? 0, [...cell].length);
    }
  }
  return rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - [...cell].length),
    );
    return `${indent}${cells.join(GAP)}`.trimEnd();
  });
}
