// Pixel operations of MMCV, on [H, W, C] arrays, with OpenCV's own rounding.
// uint8 is checked bit for bit against cv2 4.6.0 (fixtures/model_parity/pipelines.json, anchors/bccd_first_steps.json)
// and cv2 4.14.0 (300 random sizes).

import type { FlipDirection, ImageArray } from './results.ts';
import { at as itemAt, f32At, i32At } from '../../util/at.ts';
import { roundHalfEven } from '../../util/roundHalfEven.ts';

type Pixels = Uint8Array | Float32Array;

/** Where each output position takes its two inputs from, along one axis. */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** float32 weight of `high`; that of `low` is 1 - w. */
  readonly weight: Float32Array;
}

/**
 * Resize bilinearly as `cv2.resize(img, (width, height), interpolation=cv2.INTER_LINEAR)`: pixel centres at
 * (i + 0.5) * scale - 0.5, no antialiasing; an exact halving averages 2 x 2 pixels (OpenCV turns it into INTER_AREA).
 * uint8 in gives uint8 out (11-bit weights, truncated twice), float32 gives float32.
 * @param width new width, px, at least 1
 */
export function resizeBilinear(img: ImageArray, width: number, height: number): ImageArray {
  const [h, w, c] = img.shape;
  if (w === width && h === height) return { data: img.data.slice(), shape: img.shape };
  const shape = [height, width, c] as const;
  if (w === 2 * width && h === 2 * height) return { data: halve(img, width, height), shape };
  // The clamping differs by axis in OpenCV: columns clamp the weight too, rows only the index.
  const columns = makeTaps(w, width, true);
  const rows = makeTaps(h, height, false);
  const data =
    img.data instanceof Uint8Array
      ? resizeUint8(img.data, w, c, columns, rows, width, height)
      : resizeFloat32(img.data, w, c, columns, rows, width, height);
  return { data, shape };
}

/** (x - mean) / std per channel, in float32 as `mmcv.imnormalize`; `to_rgb` swaps BGR to RGB first. */
export function normalize(
  img: ImageArray,
  mean: readonly number[],
  std: readonly number[],
  toRgb: boolean,
): ImageArray {
  const { data, shape } = img;
  const c = shape[2];
  const out = new Float32Array(data.length);
  const mean32 = Float32Array.from(mean);
  // OpenCV subtracts in float32 but multiplies by the reciprocal in float64.
  const inverseStd = Array.from(Float32Array.from(std), (s) => 1 / s);
  for (let k = 0; k < c; k++) {
    const from = toRgb ? c - 1 - k : k;
    const m = f32At(mean32, k);
    const inverse = itemAt(inverseStd, k);
    for (let i = 0; i < data.length; i += c) out[i + k] = Math.fround(itemAt(data, i + from) - m) * inverse;
  }
  return { data: out, shape };
}

/** Mirror along one axis or both (`diagonal`). */
export function flipImage(img: ImageArray, direction: FlipDirection): ImageArray {
  const [h, w, c] = img.shape;
  const out = emptyLike(img.data, img.data.length);
  const isMirrored = direction !== 'vertical';
  for (let y = 0; y < h; y++) {
    const from = (direction === 'horizontal' ? y : h - 1 - y) * w * c;
    const to = y * w * c;
    if (!isMirrored) {
      out.set(img.data.subarray(from, from + w * c), to);
      continue;
    }
    for (let x = 0; x < w; x++) {
      const source = from + (w - 1 - x) * c;
      for (let k = 0; k < c; k++) out[to + x * c + k] = itemAt(img.data, source + k);
    }
  }
  return { data: out, shape: img.shape };
}

/**
 * Extend at the right and the bottom as `mmcv.impad(shape=…)`; a side already larger stays.
 * @param value one per channel; a plain number counts for the first channel only and leaves the others 0, as an
 *   OpenCV scalar made from one number does
 */
export function padImage(
  img: ImageArray,
  height: number,
  width: number,
  value: number | readonly number[],
): ImageArray {
  const [h, w, c] = img.shape;
  const newH = Math.max(h, height);
  const newW = Math.max(w, width);
  if (newH === h && newW === w) return img;
  const out = emptyLike(img.data, newH * newW * c);
  const values = Array.from({ length: c }, (_, k) => [value].flat()[k] ?? 0);
  if (values.some((v) => v !== 0)) for (let i = 0; i < out.length; i++) out[i] = itemAt(values, i % c);
  for (let y = 0; y < h; y++) out.set(img.data.subarray(y * w * c, (y + 1) * w * c), y * newW * c);
  return { data: out, shape: [newH, newW, c] };
}

/** Swap the first and the third channel. */
export function swapRedBlue(pixels: Uint8Array): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    out[i] = itemAt(pixels, i + 2);
    out[i + 1] = itemAt(pixels, i + 1);
    out[i + 2] = itemAt(pixels, i);
  }
  return out;
}

function makeTaps(size: number, newSize: number, clampsWeight: boolean): Taps {
  const scale = 1 / (newSize / size);
  const low = new Int32Array(newSize);
  const high = new Int32Array(newSize);
  const weight = new Float32Array(newSize);
  for (let i = 0; i < newSize; i++) {
    // float32 before the floor, as OpenCV.
    const position = Math.fround((i + 0.5) * scale - 0.5);
    let at = Math.floor(position);
    let fraction = Math.fround(position - at);
    if (clampsWeight && at < 0) [at, fraction] = [0, 0];
    if (clampsWeight && at >= size - 1) [at, fraction] = [size - 1, 0];
    low[i] = clamp(at, size);
    high[i] = clamp(at + 1, size);
    weight[i] = fraction;
  }
  return { low, high, weight };
}

function resizeUint8(
  data: Uint8Array,
  w: number,
  c: number,
  columns: Taps,
  rows: Taps,
  width: number,
  height: number,
): Uint8Array {
  const rowLength = width * c;
  const out = new Uint8Array(height * rowLength);
  const columnWeights = toFixedPoint(columns.weight);
  const rowWeights = toFixedPoint(rows.weight);
  const horizontal = (row: number, into: Int32Array): void => {
    for (let x = 0; x < width; x++) {
      const a = (row * w + i32At(columns.low, x)) * c;
      const b = (row * w + i32At(columns.high, x)) * c;
      const wa = i32At(columnWeights.low, x);
      const wb = i32At(columnWeights.high, x);
      for (let k = 0; k < c; k++) into[x * c + k] = itemAt(data, a + k) * wa + itemAt(data, b + k) * wb;
    }
  };
  forEachRowPair(
    rows,
    height,
    () => new Int32Array(rowLength),
    horizontal,
    (y, top, bottom) => {
      const wt = i32At(rowWeights.low, y);
      const wb = i32At(rowWeights.high, y);
      for (let i = 0; i < rowLength; i++) {
        out[y * rowLength + i] =
          (((wt * (i32At(top, i) >> 4)) >> 16) + ((wb * (i32At(bottom, i) >> 4)) >> 16) + 2) >> 2;
      }
    },
  );
  return out;
}

function resizeFloat32(
  data: Float32Array,
  w: number,
  c: number,
  columns: Taps,
  rows: Taps,
  width: number,
  height: number,
): Float32Array {
  const { fround } = Math;
  const rowLength = width * c;
  const out = new Float32Array(height * rowLength);
  const horizontal = (row: number, into: Float32Array): void => {
    for (let x = 0; x < width; x++) {
      const a = (row * w + i32At(columns.low, x)) * c;
      const b = (row * w + i32At(columns.high, x)) * c;
      const wb = f32At(columns.weight, x);
      const wa = fround(1 - wb);
      for (let k = 0; k < c; k++)
        into[x * c + k] = fround(f32At(data, a + k) * wa) + fround(f32At(data, b + k) * wb);
    }
  };
  forEachRowPair(
    rows,
    height,
    () => new Float32Array(rowLength),
    horizontal,
    (y, top, bottom) => {
      const wb = f32At(rows.weight, y);
      const wt = fround(1 - wb);
      for (let i = 0; i < rowLength; i++)
        out[y * rowLength + i] = fround(f32At(top, i) * wt) + fround(f32At(bottom, i) * wb);
    },
  );
  return out;
}

/** Resample the rows that are needed once each (they come in rising order), and blend pairs of them. */
function forEachRowPair<T extends Int32Array | Float32Array>(
  rows: Taps,
  height: number,
  makeRow: () => T,
  horizontal: (row: number, into: T) => void,
  blend: (y: number, top: T, bottom: T) => void,
): void {
  // The row in each slot, -1 for none; a row moves from the lower slot to the upper one.
  let [top, bottom] = [makeRow(), makeRow()];
  const held = { top: -1, bottom: -1 };
  for (let y = 0; y < height; y++) {
    const [low, high] = [i32At(rows.low, y), i32At(rows.high, y)];
    if (held.bottom === low) {
      [top, bottom] = [bottom, top];
      [held.top, held.bottom] = [held.bottom, held.top];
    }
    if (held.top !== low) horizontal(low, top);
    held.top = low;
    if (high !== low && held.bottom !== high) {
      horizontal(high, bottom);
      held.bottom = high;
    }
    blend(y, top, high === low ? top : bottom);
  }
}

function halve(img: ImageArray, width: number, height: number): Pixels {
  const { data } = img;
  const [, w, c] = img.shape;
  const out = emptyLike(data, width * height * c);
  const isInteger = data instanceof Uint8Array;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < c; k++) {
        const at = (2 * y * w + 2 * x) * c + k;
        const below = at + w * c;
        const sum = itemAt(data, at) + itemAt(data, at + c) + itemAt(data, below) + itemAt(data, below + c);
        out[(y * width + x) * c + k] = isInteger ? (sum + 2) >> 2 : sum * 0.25;
      }
    }
  }
  return out;
}

/** Weights of both taps in 1/2048, each rounded half to even by itself. */
function toFixedPoint(weight: Float32Array): { low: Int32Array; high: Int32Array } {
  const low = Int32Array.from(weight, (w) => roundHalfEven(Math.fround(1 - w) * 2048));
  return { low, high: Int32Array.from(weight, (w) => roundHalfEven(w * 2048)) };
}

function clamp(index: number, size: number): number {
  return Math.min(Math.max(index, 0), size - 1);
}

function emptyLike(data: Pixels, length: number): Pixels {
  return data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}
