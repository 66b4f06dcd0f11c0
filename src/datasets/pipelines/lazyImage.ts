// Pictures whose flip, normalisation and padding are remembered instead of done, so that the GPU can do them. Whoever
// reads the pixels gets them as if they had been done at once, by the operations of imageOps.ts; from then on that
// picture is an ordinary one, since its reader may have changed it.
//
//     uint8 -> flipLater -> normalizeLater -> padLater -> toFloatLater     in any order; steps may be missing
//     packedImage(img): bytes + what to do, or null when only pixels will do

import type { PackedImage } from '../../gpu/kernels/normaliseImage/packedImages.ts';
import { flipImage, normalize, padImage } from './imageOps.ts';
import type { FlipDirection, ImageArray, ImgNormCfg } from './results.ts';

/** What is to be done to uint8 [height, width, 3], in this order: flip, normalise or convert, pad. */
interface Plan {
  readonly bytes: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly flip: FlipDirection | null;
  readonly norm: ImgNormCfg | null;
  /** The result is float32, with or without `norm`. */
  readonly isFloat: boolean;
  /** The new size, and the new pixels as they are in the result: its type, its order of channels. */
  readonly pad: { readonly size: readonly [number, number]; readonly pixel: ImageArray['data'] } | null;
}

/** Only of pictures that nobody has read. Beside the pictures, so that a copy of one is an ordinary picture. */
const plans = new WeakMap<ImageArray, Plan>();

/** As `flipImage`. */
export function flipLater(img: ImageArray, direction: FlipDirection): ImageArray {
  const plan = planOf(img);
  // A padding that is already there would be mirrored too.
  if (!plan || plan.flip || plan.pad) return flipImage(img, direction);
  return lazy({ ...plan, flip: direction });
}

/** As `normalize`. */
export function normalizeLater(img: ImageArray, cfg: ImgNormCfg): ImageArray {
  const { mean, std, to_rgb: toRgb } = cfg;
  const plan = planOf(img);
  if (!plan || plan.isFloat) return normalize(img, mean, std, toRgb);
  const pad = plan.pad && {
    ...plan.pad,
    pixel: normalize({ data: plan.pad.pixel, shape: [1, 1, 3] }, mean, std, toRgb).data,
  };
  return lazy({ ...plan, norm: cfg, isFloat: true, pad });
}

/** As `padImage`. */
export function padLater(
  img: ImageArray,
  height: number,
  width: number,
  value: number | readonly number[],
): ImageArray {
  const [h, w] = img.shape;
  if (height <= h && width <= w) return img;
  const plan = planOf(img);
  if (!plan || plan.pad) return padImage(img, height, width, value);
  const size = [Math.max(h, height), Math.max(w, width)] as const;
  const black = plan.isFloat ? new Float32Array(3) : new Uint8Array(3);
  const pixel = padImage({ data: black, shape: [1, 1, 3] }, 1, 2, value).data.subarray(3);
  return lazy({ ...plan, pad: { size, pixel } });
}

/** To float32 with the same values. */
export function toFloatLater(img: ImageArray): ImageArray {
  const plan = planOf(img);
  if (!plan) {
    return img.data instanceof Float32Array ? img : { data: Float32Array.from(img.data), shape: img.shape };
  }
  if (plan.isFloat) return img;
  const pad = plan.pad && { ...plan.pad, pixel: Float32Array.from(plan.pad.pixel) };
  return lazy({ ...plan, isFloat: true, pad });
}

/** The picture for the GPU, as float32 whether converted or not; null when only its pixels will do. */
export function packedImage(img: ImageArray): PackedImage | null {
  const plan = planOf(img);
  if (!plan) return null;
  const { bytes, height, width, flip, norm, pad } = plan;
  const table = new Float32Array((256 + 1) * 3);
  // Every byte in every channel, through the very function that pixels go through. Swapping comes before it.
  const greys = { data: Uint8Array.from({ length: 256 * 3 }, (_, i) => i / 3), shape: [1, 256, 3] as const };
  table.set(norm ? normalize(greys, norm.mean, norm.std, false).data : greys.data);
  if (pad) table.set(pad.pixel, 256 * 3);
  const padded = pad ? pad.size : ([height, width] as const);
  return { bytes, height, width, flip, swapsChannels: norm?.to_rgb ?? false, padded, table };
}

function planOf(img: ImageArray): Plan | null {
  const plan = plans.get(img);
  if (plan) return plan;
  const { data } = img;
  const [height, width, channels] = img.shape;
  if (!(data instanceof Uint8Array) || channels !== 3) return null;
  return { bytes: data, height, width, flip: null, norm: null, isFloat: false, pad: null };
}

function lazy(plan: Plan): ImageArray {
  let pixels: ImageArray['data'] | null = null;
  const [height, width] = plan.pad ? plan.pad.size : [plan.height, plan.width];
  const img: ImageArray = {
    get data() {
      if (!pixels) {
        pixels = pixelsOf(plan);
        plans.delete(img);
      }
      return pixels;
    },
    shape: [height, width, 3],
  };
  plans.set(img, plan);
  return img;
}

function pixelsOf({ bytes, height, width, flip, norm, isFloat, pad }: Plan): ImageArray['data'] {
  let img: ImageArray = { data: bytes, shape: [height, width, 3] };
  if (flip) img = flipImage(img, flip);
  if (norm) img = normalize(img, norm.mean, norm.std, norm.to_rgb);
  else if (isFloat) img = { data: Float32Array.from(img.data), shape: img.shape };
  if (pad) img = padImage(img, ...pad.size, [...pad.pixel]);
  return img.data;
}
