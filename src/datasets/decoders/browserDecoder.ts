// Decodes pictures in a browser, in a worker: createImageBitmap and an OffscreenCanvas.

import { DatasetError } from '../../errors/trainerError.ts';
import type { DecodedImage } from '../../contracts/image.ts';
import { sniffImage, type ImageFormat } from './sniff.ts';

const MIME_TYPES: Readonly<Record<ImageFormat, string>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  bmp: 'image/bmp',
};

/**
 * Decode with the browser: upright by EXIF, 8 bits, RGB, embedded colour profiles ignored, transparency laid on
 * black, the first frame of an animation. The content decides the format, never the name; formats that may hold
 * scripts never reach the browser's decoder.
 * Differs: cv2 drops the alpha channel and shows what lies beneath.
 * @throws DatasetError as `sniffImage`, and `damaged-image` for a picture that is cut or broken
 */
export async function decodeInBrowser(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  const { bitmap, warnings } = await toBitmap(bytes, name);
  try {
    return { ...readPixels(bitmap, name), warnings };
  } finally {
    bitmap.close();
  }
}

/** Pictures of more pixels may be beyond what a canvas takes. */
const SURE_PIXELS = 4096 ** 2;

/**
 * Decode a picture only to see whether it can be decoded: reading its pixels would be most of the work.
 * @throws as {@link decodeInBrowser}
 */
export async function checkInBrowser(bytes: Uint8Array, name: string): Promise<void> {
  const { bitmap } = await toBitmap(bytes, name);
  try {
    if (bitmap.width * bitmap.height > SURE_PIXELS) readPixels(bitmap, name);
  } finally {
    bitmap.close();
  }
}

async function toBitmap(
  bytes: Uint8Array,
  name: string,
): Promise<{ bitmap: ImageBitmap; warnings: readonly string[] }> {
  const { format, warnings } = sniffImage(bytes, name);
  try {
    // A view on shared memory is no BlobPart; copying the few compressed bytes is cheap.
    const blob = new Blob([new Uint8Array(bytes)], { type: MIME_TYPES[format] });
    const bitmap = await createImageBitmap(blob, {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
      imageOrientation: 'from-image',
    });
    return { bitmap, warnings };
  } catch (cause) {
    throw new DatasetError(`${name} is damaged: the browser can't decode it`, {
      code: 'damaged-image',
      path: name,
      hint: 'the picture is cut or broken; fetch it again, or take it out of the dataset',
      cause,
    });
  }
}

function readPixels(bitmap: ImageBitmap, name: string): DecodedImage {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  // Read back at once: a canvas on the GPU would only add two copies. Without alpha it starts out black.
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  if (!context) {
    throw new DatasetError(
      `${name} (${width}x${height}) can't be decoded: the browser gave no canvas of that size`,
      {
        code: 'image-too-large',
        path: name,
        hint: 'close other tabs, or make the picture smaller',
      },
    );
  }
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from] ?? 0;
    rgb[to++] = data[from + 1] ?? 0;
    rgb[to++] = data[from + 2] ?? 0;
  }
  return { width, height, rgb };
}
