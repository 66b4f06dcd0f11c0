import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { DatasetError } from '../../errors/trainerError.ts';
import type { DecodedImage } from '../../contracts/image.ts';
import { decodeWithSharp } from './sharpDecoder.ts';
import { at, u8At } from '../../util/at.ts';

// A 3 x 2 picture with a different colour in every pixel.
const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 200, 150, 100, 255, 255, 255]);
const picture = (): Sharp => sharp(rgb, { raw: { width: 3, height: 2, channels: 3 } });
const decode = async (encoded: Sharp): Promise<DecodedImage> =>
  decodeWithSharp(await encoded.toBuffer(), 'a.png');

describe('decodeWithSharp', () => {
  test('gives the bytes of a lossless picture', async () => {
    for (const encoded of [picture().png(), picture().webp({ lossless: true })]) {
      expect(await decode(encoded)).toEqual({ width: 3, height: 2, rgb: Buffer.from(rgb), warnings: [] });
    }
  });

  test('repeats grey and cuts 16 bits to 8', async () => {
    const grey = sharp(Uint8Array.of(7, 200, 7, 7), { raw: { width: 2, height: 2, channels: 1 } });
    const decoded = await decode(grey.toColourspace('b-w').png());
    expect([...decoded.rgb.subarray(0, 6)]).toEqual([7, 7, 7, 200, 200, 200]);
    const deep = await decode(picture().toColourspace('rgb16').png());
    expect(deep.rgb.every((v, i) => Math.abs(v - u8At(rgb, i)) <= 1)).toBe(true);
  });

  test('turns by EXIF: orientation 6 is a quarter turn clockwise', async () => {
    const turned = await decode(picture().withMetadata({ orientation: 6 }).png());
    expect([turned.width, turned.height]).toEqual([2, 3]);
    expect([...turned.rgb.subarray(0, 6)]).toEqual([10, 20, 30, 255, 0, 0]);
  });

  test('lays transparency on black, with a warning', async () => {
    const pixels = [0, 255, 255, 255].flatMap((alpha) => [200, 100, 50, alpha]);
    const rgba = sharp(Uint8Array.from(pixels), { raw: { width: 2, height: 2, channels: 4 } });
    const { rgb: out, warnings } = await decode(rgba.png());
    expect([...out.subarray(0, 6)]).toEqual([0, 0, 0, 200, 100, 50]);
    expect(warnings).toEqual(['transparency laid on black']);
  });

  test('converts CMYK without a colour profile, with a warning', async () => {
    const flat = sharp({
      create: { width: 16, height: 16, channels: 3, background: { r: 220, g: 60, b: 40 } },
    });
    const cmyk = await flat.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    const { data } = await sharp(cmyk)
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { rgb: out, warnings } = await decodeWithSharp(cmyk, 'a.jpg');
    expect(warnings).toEqual(['converted from CMYK']);
    const plain = [0, 1, 2].map((k) => Math.round(((255 - at(data, k)) * (255 - at(data, 3))) / 255));
    expect([...out.subarray(0, 3)]).toEqual(plain);
  });

  test('refuses a picture that is cut, by name', async () => {
    const noise = sharp({
      create: {
        width: 64,
        height: 64,
        channels: 3,
        background: 'red',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    });
    for (const encoded of [await noise.clone().jpeg().toBuffer(), await noise.clone().png().toBuffer()]) {
      const error = await decodeWithSharp(encoded.subarray(0, encoded.length * 0.6), 'cut.jpg').catch(
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(DatasetError);
      expect(error).toMatchObject({ code: 'damaged-image', path: 'cut.jpg' });
    }
  });
});
