// Rows of a parameter (of PyTorch's first axis) that a step must leave alone, as their gradient is all zero.

import type { Parameter } from '../nn/index.ts';

/** How the elements of a row lie in the GPU's layout: element c of row r is at `r rowStride + c columnStride`. */
function rowLayout(param: Parameter): { rows: number; columns: number; isStrided: boolean } {
  const rows = param.shape[0] ?? 1;
  // The first axis is the last one in the layouts of convolutions and linear layers.
  return { rows, columns: param.size / rows, isStrided: param.layout !== 'plain' };
}

/** WGSL: run `body` only for elements of rows with a gradient. */
export function inTouchedRows(param: Parameter, body: string): string {
  const { rows, columns, isStrided } = rowLayout(param);
  const at = isStrided ? `c * ${rows}u + i % ${rows}u` : `i / ${columns}u * ${columns}u + c`;
  return `
  var isTouched = false;
  for (var c = 0u; c < ${columns}u && !isTouched; c++) { isTouched = g_data[${at}] != 0.0; }
  if (isTouched) { ${body} }`;
}

/** Tells of an element's index whether its row has a gradient. */
export function touchedRows(param: Parameter, grad: ArrayLike<number>): (i: number) => boolean {
  const { rows, columns, isStrided } = rowLayout(param);
  const rowOf = (i: number): number => (isStrided ? i % rows : Math.floor(i / columns));
  const touched = new Set<number>();
  for (let i = 0; i < grad.length; i++) if (grad[i] !== 0) touched.add(rowOf(i));
  return (i) => touched.has(rowOf(i));
}
