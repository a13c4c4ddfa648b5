/** Throws RangeError unless the array has rows × columns elements. */
export function checkMatrix(
  name: string,
  array: { readonly length: number },
  rows: number,
  columns: number,
): void {
  if (array.length !== rows * columns) {
    throw new RangeError(
      `linear algebra: ${name} has ${array.length} elements, expected ${rows} × ${columns} = ${rows * columns}`,
    );
  }
}
