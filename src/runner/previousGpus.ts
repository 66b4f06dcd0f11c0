import { evaluateText } from '../lang/evaluate.ts';

/** Characters of a config; MMDetection's longest have some 50,000. */
const MAX_CHARS = 1_000_000;
const COUNT = '_number_of_gpus';

/**
 * How many GPUs a config in Python text was trained on: `len(gpu_ids)`. Null when that can't be told, whatever the text is.
 * @example previousGpuCount('gpu_ids = range(0, 8)') // 8
 */
export function previousGpuCount(text: unknown): number | null {
  if (typeof text !== 'string' || text.length > MAX_CHARS || !text.includes('gpu_ids')) return null;
  // Asked in the config's own language: a range is no plain value.
  const { value } = evaluateText(`${text}\n${COUNT} = len(gpu_ids)\n`, { file: 'meta.config' });
  const count = value[COUNT];
  return typeof count === 'number' && count > 0 ? count : null;
}
