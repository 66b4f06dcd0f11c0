// Sizes that no machine can hold: told before anything is made of them.

import type { Problem } from '../../contracts/problem.ts';
import { isDict } from '../../lang/plain.ts';
import { plainRepr } from '../../lang/plainRepr.ts';
import { TEST_CFG_ARGS } from '../../models/denseHeads/postProcess.ts';
import type { Fault } from '../../registry/args/index.ts';
import { formatBytes } from '../../util/formatBytes.ts';
import type { ConfigInput } from './keys.ts';

/** No WebGPU buffer holds more. */
const MAX_BUFFER_BYTES = 2 ** 32;
/** A picture for the net: three float32 channels. */
const BYTES_PER_PX = 3 * Float32Array.BYTES_PER_ELEMENT;
const SPLITS = ['train', 'val', 'test'];

/** Picture sizes beyond all bounds, and `max_per_img` below 1: errors at their places. */
export function sizesOutOfBounds(dict: ConfigInput): Problem[] {
  const { data, model, test_cfg: testCfg } = dict;
  return [
    ...maxPerImg(testCfg, 'test_cfg'),
    ...(isDict(model) ? maxPerImg(model.test_cfg, 'model.test_cfg') : []),
    ...(isDict(data) ? SPLITS.flatMap((key) => pictures(data[key], `data.${key}`)) : []),
  ];
}

/** Datasets in datasets, transforms in transforms: sizes have the same keys everywhere. */
function pictures(value: unknown, path: string): Problem[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => pictures(item, `${path}[${i}]`));
  if (!isDict(value)) return [];
  const { size, size_divisor: divisor, img_scale: scale } = value;
  const isPad = value.type === 'Pad';
  return [
    ...areas(scale, `${path}.img_scale`),
    ...(isPad ? areas(size, `${path}.size`) : []),
    ...(isPad ? tooLarge([divisor, divisor], divisor, `${path}.size_divisor`) : []),
    ...['pipeline', 'transforms', 'dataset', 'datasets'].flatMap((key) =>
      pictures(value[key], `${path}.${key}`),
    ),
  ];
}

/** One (width, height), or a list of them. */
function areas(value: unknown, path: string): Problem[] {
  if (!Array.isArray(value)) return [];
  const sizes: unknown[] = value.every((side) => typeof side === 'number') ? [value] : value;
  return sizes.flatMap((size) => (Array.isArray(size) ? tooLarge(size, size, path) : []));
}

function tooLarge(size: readonly unknown[], value: unknown, path: string): Problem[] {
  const [width, height] = size;
  if (typeof width !== 'number' || typeof height !== 'number') return [];
  const bytes = width * height * BYTES_PER_PX;
  if (!(bytes > MAX_BUFFER_BYTES)) return [];
  return [
    {
      severity: 'error',
      code: 'bad-value',
      message: `a picture of ${plainRepr(value)} px must fit into a buffer of a GPU (${formatBytes(MAX_BUFFER_BYTES)} at most), but is ${formatBytes(bytes)}`,
      path,
      hint: 'detectors are trained on 300 to 1500 px',
    },
  ];
}

function maxPerImg(cfg: unknown, path: string): Problem[] {
  if (!isDict(cfg)) return [];
  const { max_per_img: most } = cfg;
  const fault = most === undefined ? null : TEST_CFG_ARGS.table.max_per_img.kind.fault(most);
  return [
    ...(fault ? [refused(fault, `${path}.max_per_img`)] : []),
    ...['rpn', 'rcnn'].flatMap((part) => maxPerImg(cfg[part], `${path}.${part}`)),
  ];
}

function refused({ code, says }: Fault, path: string): Problem {
  return { severity: 'error', code, message: `max_per_img ${says}`, path };
}
