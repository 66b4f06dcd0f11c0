import { expect, test } from 'vitest';
import type { Sample } from '../datasets/sample.ts';
import type { SampleSource } from '../datasets/sampleSource.ts';
import { DatasetError } from '../errors/trainerError.ts';
import { createLocalSampleSource } from '../plan/buildDataset.ts';
import { jobOf, PLANNED } from '../plan/testing/planText.ts';
// Registers what a config's datasets and pipelines can name, as the worker's entry does.
import '../datasets/index.ts';
import { at } from '../util/at.ts';
import { withStrays } from '../util/testing/nodeStrays.ts';
import { DecodePool } from './decodePool.ts';
import { serveSamples, type CreateSource } from './samples.ts';
import { FakeWorker } from './testing/fakeWorker.ts';

const SPEC = { configPath: 'a.py', split: 'train', seed: 3 } as const;

/** A sample that says which worker made it, and what of. */
const made = (worker: number, index: number, epoch: number): Sample =>
  ({ img: Float32Array.of(worker, index, epoch), imgShape: [1, 1, 3], imgMeta: {} }) as unknown as Sample;

/** @param createSource what worker `n` answers with */
function setUp(createSource: (n: number, ...asked: Parameters<CreateSource>) => Promise<SampleSource>) {
  const failures: Error[] = [];
  const workers: FakeWorker[] = [];
  const locks = new Map<string, () => void>();
  const pool = new DecodePool({
    create: () => {
      const worker = new FakeWorker();
      const n = workers.push(worker) - 1;
      const server = serveSamples(worker.inside, (...asked) => createSource(n, ...asked));
      server.emit('worker.alive', { lock: `lock ${n}` });
      return worker.asWorker;
    },
    whenReleased: (lock) => new Promise((resolve) => locks.set(lock, resolve)),
    onFailure: (error) => failures.push(error),
  });
  return { workers, locks, pool, failures };
}

const quick = async (n: number): Promise<SampleSource> => ({
  getSample: async (index, epoch) => made(n, index, epoch),
});
const never = async (): Promise<SampleSource> => ({ getSample: () => new Promise<Sample>(() => undefined) });

test('samples are asked of the worker that owes fewest; loaders share the workers', async () => {
  const { workers, pool } = setUp(quick);
  const train = await pool.open(SPEC, 3);
  const samples = await Promise.all([5, 6, 7, 8].map((index) => train.getSample(index, 2)));
  expect(samples.map(({ img }) => [...(img as Float32Array)])).toEqual([
    [0, 5, 2],
    [1, 6, 2],
    [2, 7, 2],
    [0, 8, 2],
  ]);
  await pool.open({ ...SPEC, split: 'val' }, 2);
  expect(workers).toHaveLength(3);
  await pool.open({ ...SPEC, split: 'val_as_train' }, 4);
  expect(workers).toHaveLength(4);
  pool.end();
  await expect(train.getSample(1, 0)).rejects.toThrow('the run is over');
});

test('a change of the dataset reaches every worker before the samples that are asked for after it', async () => {
  const { pool } = setUp(async (n) => {
    let changes = 0;
    return {
      getSample: async () => made(n, changes, 0),
      changeDataset: () => void (changes += 1),
    };
  });
  const source = await pool.open(SPEC, 2);
  const before = [source.getSample(0, 0), source.getSample(1, 0)];
  source.changeDataset?.({ skipTypeKeys: ['Mosaic'] });
  const after = [source.getSample(0, 0), source.getSample(1, 0)];
  const changesAt = async (asked: Promise<Sample>[]): Promise<number[]> =>
    (await Promise.all(asked)).map(({ img }) => (img as Float32Array)[1] ?? NaN);
  expect(await changesAt(before)).toEqual([0, 0]);
  expect(await changesAt(after)).toEqual([1, 1]);
  pool.end();
});

test('a crash is told to who waits for a sample of that worker, with its number, and ends the run where nobody does', async () => {
  const { workers, pool, failures } = setUp(never);
  const source = await pool.open(SPEC, 2);
  const other = source.getSample(0, 0);
  other.catch(() => undefined);
  const waiting = source.getSample(1, 0);
  // Or the browser would report it to the page as an error of the run worker.
  expect(at(workers, 1).crash('out of memory')).toBe('handled');
  await expect(waiting).rejects.toMatchObject({
    code: 'worker-crashed',
    message: 'decode worker 1 stopped working: out of memory',
  });
  expect(workers.map(({ isTerminated }) => isTerminated)).toEqual([false, true]);
  expect(failures).toMatchObject([{ code: 'worker-crashed' }]);
  pool.end();
  await expect(other).rejects.toThrow('the run is over');
});

test('a worker that is killed without a word lets go of its lock: who waits is told', async () => {
  const { locks, pool } = setUp(never);
  const waiting = (await pool.open(SPEC, 1)).getSample(0, 0);
  await expect.poll(() => locks.has('lock 0')).toBe(true);
  locks.get('lock 0')?.();
  await expect(waiting).rejects.toMatchObject({
    code: 'worker-gone',
    message: 'decode worker 0 came to an end that nobody asked for',
  });
  pool.end();
});

test('what building the dataset throws in a worker crosses with its path', async () => {
  const { pool } = setUp(async () => {
    throw new DatasetError('the annotation file is missing', { code: 'not-found', path: 'data/x.json' });
  });
  await expect(pool.open(SPEC, 2)).rejects.toMatchObject({ name: 'DatasetError', path: 'data/x.json' });
  pool.end();
});

test.each([
  ['a rejected promise', "void Promise.reject(new Error('boom'))", true],
  ['a timer', "setTimeout(() => { throw new Error('boom'); })", true],
  ['a promise rejected with a text', "void Promise.reject('boom')", false],
])(
  'what a transform leaves alone (%s) is told at its line, and its worker goes on',
  (_, statement, isError) =>
    withStrays(async (watchStray) => {
      const { fs, decodeImage } = jobOf(
        `custom_imports = dict(imports=['mine'])
data = dict(train=dict(num_images=4, pipeline=[dict(type='Mine')]))
`,
        {
          'workspace/mine.ts': `import { PIPELINES } from 'mmdet/datasets';
@PIPELINES.registerModule()
export class Mine {
  constructor() {}
  async call() {
    ${statement};
    return { img: new Float32Array(3), img_shape: [1, 1, 3] };
  }
}
`,
        },
      );
      const { pool, failures, workers } = setUp((_n, spec, onStray) =>
        createLocalSampleSource(spec, { fs, decodeImage, watchStray, onStray }),
      );
      const source = await pool.open(
        { configPath: PLANNED, split: 'train', seed: 3, withUserModules: true },
        1,
      );
      for (const index of [0, 1]) await source.getSample(index, 0).catch(() => undefined);
      await expect.poll(() => failures.length).toBe(2);
      expect(failures).toMatchObject([
        {
          name: 'RunError',
          code: 'stray-error',
          message: expect.stringMatching(/^nobody waited for what failed: .* threw .*boom$/),
          // Only an Error knows.
          span: isError ? { file: 'workspace/mine.ts', line: 6 } : undefined,
        },
        { code: 'stray-error' },
      ]);
      expect(at(workers, 0).isTerminated).toBe(false);
      pool.end();
    }),
);
