import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import * as gpu from '../index.ts';
import { testAdapter } from '../testing/adapter.ts';

afterAll(() => {
  gpu.disposeEngine();
});

test('the adapter is described: name, limits, whether it is software', async () => {
  const info = await testAdapter();
  expect(info.limits.maxBufferBytes).toBeGreaterThanOrEqual(256 * 2 ** 20);
  expect(info.limits.maxStorageBuffersPerStage).toBeGreaterThanOrEqual(8);
  expect(info.isSoftware).toBe(/llvmpipe|swiftshader/i.test(info.name));
});

test('no file of the engine but tests and their helper imports nodeGpu', () => {
  const folder = dirname(dirname(fileURLToPath(import.meta.url)));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('testing'),
  );
  expect(files.length).toBeGreaterThan(10);
  const importers = files.filter((file) =>
    /from '.*nodeGpu\.ts'/.test(readFileSync(join(folder, file), 'utf8')),
  );
  expect(importers).toEqual([]);
});

test('many short waits do not slow each other down', async () => {
  await testAdapter();
  const t = gpu.square(gpu.ones([4]));
  const start = performance.now();
  for (let i = 0; i < 200; i += 1) await gpu.read(t);
  // Some ms each; pauses that piled up would take 200 ms for the last one alone, 20 s together.
  expect(performance.now() - start).toBeLessThan(10_000);
  t.dispose();
});
