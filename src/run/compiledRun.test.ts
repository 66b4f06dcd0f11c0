// Training as a whole on compiled steps: the same bits as op by op, nothing read between two log lines, nothing left.

import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { EngineBackend } from '../gpu/device/backend.ts';
import { adapterInfo, memory, onIdle, trimMemory } from '../gpu/index.ts';
import { isProfiling } from '../gpu/dispatch/profiler.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { RunControl } from '../runner/runControl.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { train, type TrainJob } from './train.ts';
import { take } from '../util/at.ts';

await testAdapter();

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const CONFIG = `_base_ = ['./retinanet_tiny_shapes.py']
data = dict(samples_per_gpu=2, train=dict(num_images=14, img_scale=(64, 64)))
runner = dict(max_epochs=2)
log_config = dict(interval=5)
checkpoint_config = dict(interval=2)
evaluation = dict(interval=9)
`;

async function run(job: Partial<TrainJob>, control = new RunControl()): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await train({
    configPath: 'workspace/configs/shapes/own.py',
    fs: createMemoryFs({
      'workspace/configs/_base_/default_runtime.py': read('configs/_base_/default_runtime.py'),
      'workspace/configs/shapes/retinanet_tiny_shapes.py': read('configs/shapes/retinanet_tiny_shapes.py'),
      'workspace/configs/shapes/own.py': CONFIG,
    }),
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    control,
    onInvalidLoss: 'go-on',
    onEvent: (event) => events.push(event),
    ...job,
  });
  return events;
}

const fingerprints = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.name === 'run.checkpointed' ? [event.crc32] : []));

afterEach(() => {
  vi.restoreAllMocks();
});

test('a run on compiled steps ends with the bits of a run op by op, the last smaller batch included', async () => {
  const [compiled, eager] = [await run({}), await run({ eager: true })];
  expect(fingerprints(compiled)).toEqual(fingerprints(eager));
  expect(fingerprints(compiled).length).toBe(1);
  expect(compiled.some((event) => event.name === 'run.planned')).toBe(true);
  expect(eager.some((event) => event.name === 'run.planned')).toBe(false);
  const warned = compiled.filter(
    (event) => event.name === 'run.logged' && event.line.includes("can't be compiled"),
  );
  expect(warned).toEqual([]);
}, 120_000);

test('between two log intervals nothing is read back from the GPU', async () => {
  const iters: number[] = [];
  let iter = 0;
  const readBytes = vi.spyOn(EngineBackend.prototype, 'readBytes');
  await run({
    onEvent: (event) => {
      if (event.name !== 'run.progressed') return;
      iter = event.iter;
      for (let i = readBytes.mock.calls.length; i > iters.length; i--) iters.push(iter);
    },
  });
  expect(iter).toBe(14);
  // Seven iterations an epoch: the log line after the fifth of each, and the checkpoint at the end.
  const during = iters.filter((at) => at !== 7 && at !== 14);
  expect([...new Set(during)]).toEqual([5, 12]);
}, 120_000);

test('a profile asked for at the start tells the ops, and the run leaves no tensor behind', async () => {
  const before = memory().numTensors;
  const control = new RunControl();
  control.profile(2);
  const events = await run({}, control);
  const [profiled] = take(
    events.filter((event) => event.name === 'run.profiled'),
    1,
  );
  expect(profiled.profile.iters).toBe(2);
  expect(profiled.profile.peakGflops).toBeGreaterThan(0);
  const convs = profiled.profile.ops.filter(({ op }) => op.startsWith('conv2d'));
  expect(convs.every(({ flops, dispatches }) => flops > 0 && dispatches > 0)).toBe(true);
  await onIdle();
  trimMemory();
  expect(memory().numTensors).toBe(before);
}, 120_000);

test('what ProfilerHook times ends with a run that is stopped before', async () => {
  const control = new RunControl();
  let wasProfiling = false;
  const hook = { type: 'ProfilerHook', by_epoch: false, profile_iters: 9 };
  await run(
    {
      cfgOptions: { custom_hooks: [hook] },
      onEvent: (event) => {
        if (event.name !== 'run.progressed') return;
        wasProfiling ||= isProfiling();
        control.stop();
      },
    },
    control,
  );
  expect([wasProfiling, isProfiling()]).toEqual([adapterInfo().features.includes('timestamp-query'), false]);
}, 120_000);
