import { describe, expect, test } from 'vitest';
import { DatasetError } from '../../errors/trainerError.ts';
import { sniffImage } from './sniff.ts';

const text = (s: string): number[] => [...s].map((c) => c.charCodeAt(0));
const be32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const chunk = (type: string, data: number[]): number[] => [
  ...be32(data.length),
  ...text(type),
  ...data,
  0,
  0,
  0,
  0,
];

function png(width: number, height: number, colourType = 2, extra: number[] = []): Uint8Array {
  const ihdr = chunk('IHDR', [...be32(width), ...be32(height), 8, colourType, 0, 0, 0]);
  return Uint8Array.from([0x89, ...text('PNG\r\n\x1a\n'), ...ihdr, ...extra, ...chunk('IEND', [])]);
}

function jpeg(width: number, height: number, components: number, orientation = 0): Uint8Array {
  const tiff = [...text('II*\0'), 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
  const exif = orientation ? [0xff, 0xe1, 0, tiff.length + 8, ...text('Exif\0\0'), ...tiff] : [];
  const sof = [0xff, 0xc2, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255, components, 0, 0, 0];
  return Uint8Array.from([0xff, 0xd8, ...exif, ...sof, 0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9]);
}

function codeOf(bytes: Uint8Array): string {
  try {
    sniffImage(bytes, 'x.jpg');
  } catch (error) {
    if (error instanceof DatasetError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('sniffImage', () => {
  test('reads a PNG, its alpha and its frames, whatever its name', () => {
    expect(sniffImage(png(320, 240), 'a.jpg')).toMatchObject({
      format: 'png',
      width: 320,
      height: 240,
      isComplete: true,
    });
    expect(sniffImage(png(4, 5, 6, chunk('acTL', [...be32(7), ...be32(0)])), 'a').warnings).toEqual([
      'first of 7 frames',
      'transparency laid on black',
    ]);
  });

  test('reads a JPEG: EXIF orientation 6 swaps the sides, four components are CMYK, a missing end mark shows', () => {
    expect(sniffImage(jpeg(640, 480, 3, 6), 'a')).toMatchObject({ width: 480, height: 640, orientation: 6 });
    expect(sniffImage(jpeg(640, 480, 3, 3), 'a')).toMatchObject({ width: 640, height: 480, orientation: 3 });
    expect(sniffImage(jpeg(64, 48, 4), 'a')).toMatchObject({
      isCmyk: true,
      isComplete: true,
      orientation: 1,
    });
    expect(sniffImage(jpeg(64, 48, 3).slice(0, -2), 'a').isComplete).toBe(false);
  });

  test('reads GIF, BMP and the three kinds of WebP', () => {
    const frame = [0x2c, 0, 0, 0, 0, 8, 0, 6, 0, 0, 2, 1, 0, 0];
    const gif = Uint8Array.from([...text('GIF89a'), 8, 0, 6, 0, 0, 0, 0, ...frame, ...frame, 0x3b]);
    expect(sniffImage(gif, 'a')).toMatchObject({
      format: 'gif',
      width: 8,
      height: 6,
      frames: 2,
      isComplete: true,
    });
    const bmp = new Uint8Array(54);
    bmp.set(text('BM'));
    const view = new DataView(bmp.buffer);
    view.setUint32(2, 54, true);
    view.setUint32(14, 40, true);
    view.setInt32(18, 30, true);
    view.setInt32(22, -20, true);
    expect(sniffImage(bmp, 'a')).toMatchObject({ format: 'bmp', width: 30, height: 20, isComplete: true });
    const riff = (kind: string, body: number[]): Uint8Array =>
      Uint8Array.from([
        ...text('RIFF'),
        body.length + 12,
        0,
        0,
        0,
        ...text('WEBP'),
        ...text(kind),
        body.length,
        0,
        0,
        0,
        ...body,
      ]);
    expect(sniffImage(riff('VP8 ', [0, 0, 0, 0x9d, 1, 0x2a, 100, 0, 50, 0]), 'a')).toMatchObject({
      width: 100,
      height: 50,
    });
    expect(sniffImage(riff('VP8L', [0x2f, 99, 0x40, 12, 0x10]), 'a')).toMatchObject({
      width: 100,
      height: 50,
      hasAlpha: true,
    });
    expect(sniffImage(riff('VP8X', [0, 0, 0, 0, 99, 0, 0, 49, 0, 0]), 'a')).toMatchObject({
      width: 100,
      height: 50,
    });
  });

  test('refuses what is not a picture, is cut, too large or too thin, by code', () => {
    expect(codeOf(new Uint8Array(0))).toBe('empty-image');
    expect(codeOf(png(320, 240).slice(0, 20))).toBe('damaged-image');
    expect(codeOf(png(20000, 20000))).toBe('image-too-large');
    expect(codeOf(png(20000, 1))).toBe('image-too-thin');
    expect(codeOf(Uint8Array.from(text('II*\0 …')))).toBe('unsupported-image-format');
  });

  test('names the format that it refuses, and the way out', () => {
    const svg = new TextEncoder().encode('<?xml version="1.0"?>\n<svg onload="x()"/>');
    expect(() => sniffImage(svg, 'logo.png')).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: logo.png must be a JPEG, PNG, WebP, GIF or BMP picture, but it is an SVG drawing]`,
    );
    const heic = Uint8Array.from([0, 0, 0, 24, ...text('ftypheic')]);
    expect(() => sniffImage(heic, 'IMG_1.HEIC')).toThrowErrorMatchingInlineSnapshot(
      `[DatasetError: IMG_1.HEIC must be a JPEG, PNG, WebP, GIF or BMP picture, but it is a HEIC picture]`,
    );
  });
});
