// Helpers for the tests of datasets/; not part of the product.

import { BuildContext, type RunServices } from '../../registry/buildContext.ts';
import { createRunRegistries } from '../../registry/registries.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { Results } from '../pipelines/results.ts';
import { take } from '../../util/at.ts';

/** A context over files in memory. A "picture" file is three bytes: width, height, grey value. */
export function testContext(
  files: Readonly<Record<string, Uint8Array | string>> = {},
  services: Partial<RunServices> = {},
): BuildContext {
  return new BuildContext(createRunRegistries(), {
    fs: createMemoryFs(files),
    decodeImage: async (bytes) => {
      const [width, height, grey] = take(bytes, 3);
      return { width, height, rgb: new Uint8Array(width * height * 3).fill(grey) };
    },
    seed: 0,
    warn: () => undefined,
    ...services,
  });
}

/** A picture whose values are 0, 1, 2, … modulo 256, with the given boxes. */
export function testResults(height: number, width: number, boxes: readonly number[] = []): Results {
  const shape = [height, width, 3] as const;
  return {
    img_info: { id: 7, filename: 'a.png', width, height },
    img_prefix: 'data',
    filename: 'data/a.png',
    ori_filename: 'a.png',
    index: 0,
    img_fields: ['img'],
    bbox_fields: ['gt_bboxes'],
    img: { data: Uint8Array.from({ length: height * width * 3 }, (_, i) => i % 256), shape },
    img_shape: shape,
    ori_shape: shape,
    gt_bboxes: Float32Array.from(boxes),
  };
}
