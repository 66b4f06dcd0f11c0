// An imported dataset together with the config that is written for it: both are read by the real readers.

import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadConfigOrThrow, type Config } from '../config/index.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { at } from '../util/at.ts';
import { Tuple } from '../util/tuple.ts';
import { buildDataset } from '../plan/buildDataset.ts';
import { filesSource, importDataset, offeredConfigs, type ImportReport } from './importFolder.ts';
import '../plan/registerAll.ts';

const NAMES = [
  '__proto__',
  "it's",
  '{{ fileDirname }}',
  '<img src=x onerror="x()">',
  '白血球 🩸',
  'a\\nb',
  'constructor',
];

async function drop(count: number): Promise<{ path: string; file: Blob }[]> {
  const images = Array.from({ length: count }, (_, id) => ({
    id,
    file_name: `${id}.png`,
    width: 64,
    height: 48,
  }));
  const annotations = images.flatMap(({ id }) =>
    NAMES.map((_, k) => ({ image_id: id, category_id: k + 3, bbox: [k, k, 20, 20] })),
  );
  const categories = NAMES.map((name, k) => ({ id: k + 3, name }));
  const text = JSON.stringify({ images, annotations, categories });
  const pictures = images.map(async ({ id, file_name }) => {
    const background = { r: 20 * id, g: 90, b: 10 };
    const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background } })
      .png()
      .toBuffer();
    return { path: `cells/pictures/${file_name}`, file: new Blob([new Uint8Array(bytes)]) };
  });
  return [{ path: 'cells/annotations.json', file: new Blob([text]) }, ...(await Promise.all(pictures))];
}

describe.each([0, 1])('an imported dataset and the config %i that is offered', (which) => {
  let fs: FileSystem;
  let report: ImportReport;
  let config: Config;
  beforeAll(async () => {
    fs = createMemoryFs();
    const source = filesSource(await drop(10), 'cells');
    const locks = createMemoryLocks();
    report = await importDataset(source, { fs, locks, name: 'cells', checkImage: decodeWithSharp });
    const { path, text } = at(offeredConfigs(report), which);
    await fs.writeFile(path, text);
    config = await loadConfigOrThrow(path, (file) => fs.readText(file));
  });

  test('class names survive the way through the config, letter by letter', () => {
    expect(report.classes).toEqual(NAMES);
    expect(config.get('classes')).toEqual(Tuple.of(...NAMES));
    expect(config.get('model.bbox_head.num_classes')).toBe(NAMES.length);
  });

  test.each([
    ['train', 8],
    ['val', 2],
  ] as const)('the %s dataset of the config has its pictures and boxes', async (split, count) => {
    const services = { fs, decodeImage: decodeWithSharp, seed: 0, warn: () => undefined };
    const context = new BuildContext(createRunRegistries(), services);
    const dataset = await buildDataset(config.dict, split, context);
    expect(dataset.length).toBe(count);
    expect(dataset.CLASSES).toEqual(Tuple.of(...NAMES));
    const { bboxes, labels } = dataset.getAnnInfo(0);
    expect([...labels]).toEqual(NAMES.map((_, k) => k));
    expect([...bboxes].slice(0, 8)).toEqual([0, 0, 20, 20, 1, 1, 21, 21]);
  });
});
