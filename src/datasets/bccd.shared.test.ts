// Decoding, resizing and reading BCCD against MMDetection with OpenCV (../shared/anchors/bccd_first_steps.json).

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { createNodeFs } from '../storage/nodeFs.ts';
import { sharedDir } from '../util/testing/sharedDir.ts';
import type { Dataset } from './dataset.ts';
import { decodeWithSharp } from './decoders/sharpDecoder.ts';
import './index.ts';
import { pixelsOf } from './sample.ts';
import { DatasetSampleSource } from './sampleSource.ts';
import { testContext } from './testing/context.ts';
import { at } from '../util/at.ts';

interface ExpectedImage {
  readonly file_name: string;
  readonly decoded: { readonly crc32_of_bytes: string };
  readonly resized: { readonly crc32_of_bytes: string };
  readonly scale_factor: readonly number[];
  readonly gt_bboxes: readonly (readonly number[])[];
  readonly gt_labels: readonly number[];
}

const CLASSES = ['RBC', 'WBC', 'Platelets'];
const SIZES = { bccd_retinanet_r18: [256, 192], bccd_yolox_nano: [320, 240] } as const;

describe.runIf(sharedDir)('BCCD', () => {
  const load = [{ type: 'LoadImageFromFile' }, { type: 'LoadAnnotations', with_bbox: true }];
  const collect = [
    { type: 'DefaultFormatBundle' },
    { type: 'Collect', keys: ['img', 'gt_bboxes', 'gt_labels'] },
  ];
  const coco = {
    type: 'CocoDataset',
    classes: CLASSES,
    ann_file: 'data/bccd/coco/instances_train.json',
    img_prefix: 'data/bccd/BCCD/JPEGImages/',
  };
  let anchors: { models: Record<string, { images: ExpectedImage[] }> };
  beforeAll(() => {
    anchors = JSON.parse(readFileSync(`${sharedDir}anchors/bccd_first_steps.json`, 'utf8')) as typeof anchors;
  });

  async function open(cfg: object, warnings: string[] = []): Promise<Dataset> {
    const services = { fs: createNodeFs(sharedDir ?? ''), decodeImage: decodeWithSharp };
    const context = testContext({}, { ...services, warn: (message) => void warnings.push(message) });
    const dataset = context.build<Dataset>('DATASETS', cfg, 'data.train');
    await dataset.load();
    return dataset;
  }

  test.each(Object.entries(SIZES))(
    '%s: all ten pictures and their boxes equal, decoded and resized',
    async (model, size) => {
      const plain = new DatasetSampleSource(await open({ ...coco, pipeline: [...load, ...collect] }), 0);
      const steps = [...load, { type: 'Resize', img_scale: [...size], keep_ratio: true }, ...collect];
      const resized = new DatasetSampleSource(await open({ ...coco, pipeline: steps }), 0);
      for (const [i, expected] of (anchors.models[model]?.images ?? []).entries()) {
        const sample = await resized.getSample(i, 0);
        expect(sample.imgMeta.ori_filename).toBe(expected.file_name);
        expect(crc32(Uint8Array.from(pixelsOf(await plain.getSample(i, 0))))).toBe(
          expected.decoded.crc32_of_bytes,
        );
        expect(crc32(Uint8Array.from(pixelsOf(sample)))).toBe(expected.resized.crc32_of_bytes);
        expect(sample.gtBboxes).toEqual(Float32Array.from(expected.gt_bboxes.flat()));
        expect([...(sample.gtLabels ?? [])]).toEqual(expected.gt_labels);
      }
    },
  );

  test('VOC gives the same boxes as COCO, with two warnings for boxes without area', async () => {
    const pipeline = [...load, ...collect];
    const warnings: string[] = [];
    const voc = await open(
      {
        type: 'VOCDataset',
        classes: CLASSES,
        ann_file: 'data/bccd/BCCD/ImageSets/Main/trainval.txt',
        img_prefix: 'data/bccd/BCCD',
        pipeline,
      },
      warnings,
    );
    const other = await open({ ...coco, pipeline });
    expect([voc.length, other.length, warnings.length]).toEqual([292, 292, 2]);
    for (let i = 0; i < voc.length; i++) expect(voc.getAnnInfo(i)).toEqual(other.getAnnInfo(i));
    expect(voc.evaluationGroundTruth().annotations).toHaveLength(3941);
  });

  test('odd pictures are decoded or refused as their manifest wants', async () => {
    const outcome = async (name: string): Promise<string> => {
      const bytes = readFileSync(`${sharedDir}data/bad_inputs/images/${name}`);
      return decodeWithSharp(bytes, name).then(
        ({ rgb }) => [0, 1, 2].map((k) => Math.round(meanOf(rgb, k))).join(),
        (error: unknown) => (error as { code: string }).code,
      );
    };
    for (const name of ['png_named.jpg', 'jpeg_named.png', 'rgb16.png', 'cmyk.jpg']) {
      expect([name, await outcome(name)]).toEqual([name, '187,175,182']);
    }
    expect(await outcome('gray8.jpg')).toBe('180,180,180');
    expect(await outcome('rgba_half_transparent.png')).toBe('93,87,92');
    expect(await outcome('animated.gif')).toBe('187,176,182');
    expect(await outcome('truncated_60pct.jpg')).toBe('damaged-image');
    expect(await outcome('zero_bytes.jpg')).toBe('empty-image');
    expect(await outcome('one_pixel_high_20000x1.png')).toBe('image-too-thin');
    for (const name of ['scan.tif', 'script.svg'])
      expect(await outcome(name)).toBe('unsupported-image-format');
  });
});

function meanOf(rgb: Uint8Array, channel: number): number {
  let sum = 0;
  for (let i = channel; i < rgb.length; i += 3) sum += at(rgb, i);
  return sum / (rgb.length / 3);
}

/** CRC-32 (IEEE), eight hex digits. */
function crc32(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}
