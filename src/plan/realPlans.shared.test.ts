// MMDetection 2.28.2's own configs through the whole plan: what is told of them is true here, and nothing else is told.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeValue } from '../config/encode.ts';
import { dumpText } from '../config/dump.ts';
import { COCO_CLASSES } from '../datasets/classNames.ts';
import type { Plan } from '../contracts/plan.ts';
import { isDict, type PlainDict } from '../lang/plain.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { sharedDir } from '../util/testing/sharedDir.ts';
import { planRun } from './plan.ts';

const PATH = 'workspace/configs/real.py';

/** What a config may be told for that is right in MMDetection. */
const NOT_BUILT = ['unknown-type', 'unsupported'];
const NOT_HERE = ['annotation-file-not-found'];
/** A file of `_base_/` is a part of a config. */
const NOT_WHOLE = ['missing-data', 'missing-runner'];

function planOf(dict: PlainDict, files: Readonly<Record<string, string>> = {}): Promise<Plan> {
  return planRun({
    fs: createMemoryFs({ [PATH]: dumpText(dict), ...files }),
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    configPath: PATH,
  });
}

const told = ({ problems }: Plan, expected: readonly string[]): string[] =>
  problems.filter(({ code }) => !expected.includes(code)).map(({ code, message }) => `${code}: ${message}`);

/** An annotation file of COCO's shape and classes: 400 pictures with four boxes each. */
function cocoLike(classes: readonly string[]): string {
  const ids = Array.from({ length: 400 }, (_, i) => i + 1);
  const sizes = [24, 60, 120, 300];
  return JSON.stringify({
    images: ids.map((id) => ({ id, file_name: `${id}.jpg`, width: 640, height: 480 })),
    annotations: ids.flatMap((id) =>
      sizes.map((size, n) => ({
        id: id * sizes.length + n,
        image_id: id,
        category_id: ((id * sizes.length + n) % classes.length) + 1,
        bbox: [10 * n, 20, size, size],
        area: size * size,
        iscrowd: 0,
      })),
    ),
    categories: classes.map((name, i) => ({ id: i + 1, name })),
  });
}

describe.runIf(sharedDir)('configs of MMDetection 2.28.2', () => {
  const text = sharedDir ? readFileSync(`${sharedDir}fixtures/config.json`, 'utf8') : '{"cases":[]}';
  const { cases } = JSON.parse(text) as { cases: { id: string; kind: string; out: unknown }[] };
  const real = cases
    .filter(({ kind }) => kind === 'real_mmdet_config')
    .map(({ id, out }) => ({ id, dict: decodeValue(out) as PlainDict }));

  test.each(real)('$id, without its data', async ({ id, dict }) => {
    const plan = await planOf(dict);
    const expected = [...NOT_BUILT, ...NOT_HERE, ...(id.includes('/_base_/') ? NOT_WHOLE : [])];
    expect(told(plan, expected)).toEqual([]);
    if (id.includes('/_base_/')) return;
    // Nothing that is unknown keeps the rest from being there.
    expect(plan.config).not.toBeNull();
    for (const { span, code, path } of plan.problems) expect(span, `${code} ${path}`).toBeDefined();
  });

  const ours = real.filter(({ id }) => /retinanet_r\d+_fpn_1x/.test(id));

  test.each(ours)(
    '$id, with data of that shape: nothing is missing',
    async ({ dict }) => {
      const annotations = cocoLike(COCO_CLASSES);
      const plan = await planOf(dict, {
        'data/coco/annotations/instances_train2017.json': annotations,
        'data/coco/annotations/instances_val2017.json': annotations,
      });
      expect(plan.problems).toEqual([]);
      expect(plan.datasets.map(({ pictures, boxes }) => [pictures, boxes])).toEqual([
        [400, 1600],
        [400, 1600],
      ]);
      const batch = isDict(dict.data) ? Number(dict.data.samples_per_gpu) : 0;
      expect(plan.length).toEqual({
        maxEpochs: 12,
        maxIters: (12 * 400) / batch,
        itersPerEpoch: 400 / batch,
      });
      expect(plan.evaluations).toMatchObject({ unit: 'epoch', count: 12 });
      expect(plan.model).toBe('RetinaNet');
    },
    60_000,
  );

  test('three of them are whole here', () => {
    expect(ours).toHaveLength(3);
  });
});
