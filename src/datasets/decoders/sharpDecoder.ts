// Decodes pictures in Node. Never reaches the browser bundle: only the command line and tests import it.

import sharp from 'sharp';
import { DatasetError } from '../../errors/trainerError.ts';
import type { DecodedImage } from '../../contracts/image.ts';
import { MAX_PIXELS, sniffImage } from './sniff.ts';
import { u8At } from '../../util/at.ts';

/**
 * Decode with libvips: upright by EXIF, 8 bits, RGB; grey is repeated, 16 bits are cut to 8, CMYK is converted,
 * transparency is laid on black, of an animation the first frame is taken. Its libjpeg-turbo gives the bytes of
 * `cv2.imread` for ordinary JPEGs.
 * Differs: cv2 drops the alpha channel and shows what lies beneath.
 * @throws DatasetError as `sniffImage`, and `damaged-image` for a picture that is cut or broken
 */
export async function decodeWithSharp(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  const facts = sniffImage(bytes, name);
  if (facts.format === 'bmp') {
    throw new DatasetError(`${name} must be a JPEG, PNG, WebP or GIF picture here, but it is a BMP`, {
      code: 'unsupported-image-format',
      path: name,
      hint: 'the command line does not read BMP (a browser does); convert it to PNG',
    });
  }
  try {
    // As cv2 and the page's decoder: embedded colour profiles are ignored.
    const input = sharp(bytes, {
      failOn: 'truncated',
      limitInputPixels: MAX_PIXELS,
      pages: 1,
      ignoreIcc: true,
    });
    const picture = facts.isCmyk
      ? input.rotate().pipelineColourspace('cmyk').toColourspace('cmyk')
      : input
          .rotate()
          .flatten({ background: { r: 0, g: 0, b: 0 } })
          .toColourspace('srgb');
    const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const rgb = facts.isCmyk ? cmykToRgb(data) : toRgb(data, info.channels);
    return { width: info.width, height: info.height, rgb, warnings: facts.warnings };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new DatasetError(`${name} is damaged: it can't be decoded (${reason})`, {
      code: 'damaged-image',
      path: name,
      hint: 'the picture is cut or broken; fetch it again, or take it out of the dataset',
      cause,
    });
  }
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const count = data.length / channels;
  const rgb = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 3; k++) rgb[i * 3 + k] = u8At(data, i * channels + (channels >= 3 ? k : 0));
  }
  return rgb;
}

/** The plain rule without a colour profile, as cv2 and browsers use it; 0 is no ink. */
function cmykToRgb(data: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    const light = 255 - u8At(data, from + 3);
    for (let k = 0; k < 3; k++) rgb[to++] = Math.round(((255 - u8At(data, from + k)) * light) / 255);
  }
  return rgb;
}
