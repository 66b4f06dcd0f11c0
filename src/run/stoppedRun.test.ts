// Stop and Pause, heard wherever a run waits or works: between iterations, in an evaluation, while data are awaited.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { EvalHook } from '../runner/hooks/evaluation.ts';
import { TextLoggerHook } from '../runner/hooks/logger/text.ts';
import { makeLoggedRun } from '../runner/hooks/logger/testing/loggedRun.ts';
import { RunControl } from '../runner/runControl.ts';
import { train } from './train.ts';
import { workspaceWith } from './testing/shortRun.ts';

await testAdapter();

const CONFIG = `_base_ = './short_run.py'
data = dict(val=dict(num_images=400))
evaluation = dict(interval=1, metric='bbox')
`;

interface HeardRun {
  readonly events: RunEvent[];
  readonly end: Promise<{ end: string }>;
  readonly control: RunControl;
}

function begin(onLine: (line: string, control: RunControl) => void): HeardRun {
  const events: RunEvent[] = [];
  const control = new RunControl();
  const end = train({
    configPath: 'workspace/configs/learn/long_eval.py',
    fs: workspaceWith({ 'configs/learn/long_eval.py': CONFIG }),
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
    control,
    onEvent: (event) => {
      events.push(event);
      if (event.name === 'run.logged') onLine(event.line, control);
    },
  });
  return { events, end, control };
}

const isEvaluated = (events: readonly RunEvent[]): boolean =>
  events.some(({ name }) => name === 'run.evaluated');

test('Stop in an evaluation is heard between two batches; what it found is left out, and said', async () => {
  let stoppedAt = Infinity;
  let asked = false;
  const run = begin((line, control) => {
    if (asked || !/Epoch \[1\]/.test(line)) return;
    asked = true;
    // The lines of the epoch are written behind its iterations; the evaluation follows.
    setTimeout(() => {
      stoppedAt = performance.now();
      control.stop();
    }, 300);
  });
  expect(await run.end).toMatchObject({ end: 'stopped' });
  expect(performance.now() - stoppedAt).toBeLessThan(1000);
  expect(isEvaluated(run.events)).toBe(false);
  const lines = run.events.flatMap((event) => (event.name === 'run.logged' ? [event.line] : []));
  expect(lines.join('\n')).toContain('Stop came during the evaluation: it is left out');
  expect(lines.join('\n')).not.toContain('Epoch(val)');
});

test('Stop is heard while data are awaited', async () => {
  let release = (): void => undefined;
  const run = makeLoggedRun([new TextLoggerHook({ interval: 1 })], {
    before: (iter) => (iter === 5 ? new Promise<void>((resolve) => void (release = resolve)) : undefined),
  });
  const done = run.run();
  await vi.waitFor(() => expect(run.runner.iter).toBe(5), 5000);
  const start = performance.now();
  run.control.stop();
  await done;
  expect(performance.now() - start).toBeLessThan(500);
  expect([run.runner.end, run.runner.iter]).toEqual(['stopped', 5]);
  release();
});

test('a stopped evaluation leaves the epoch done; paused, it waits', async () => {
  let goOn = (): void => undefined;
  const seen: string[] = [];
  const evaluator = {
    length: 1,
    evaluate: async (_: object, control: RunControl) => {
      seen.push('begun');
      await new Promise<void>((resolve) => void (goOn = resolve));
      if (await control.checkpoint()) return null;
      seen.push('done');
      return { metrics: { mAP: 1 }, perClass: [], predictions: [] };
    },
  };
  const run = makeLoggedRun([new EvalHook(evaluator, {}, {})]);
  const done = run.run();
  await expect.poll(() => seen).toEqual(['begun']);
  run.control.pause();
  goOn();
  await sleep(50);
  expect(seen).toEqual(['begun']);
  run.control.stop();
  await done;
  expect(seen).toEqual(['begun']);
  expect([run.runner.end, run.runner.epoch, run.runner.iter]).toEqual(['stopped', 1, 10]);
});

test('Stop in the first step says what it waits for, and ends with it', async () => {
  const run = begin(() => undefined);
  await vi.waitFor(() => expect(run.control.activity).toBe('compiling the step'), {
    timeout: 30_000,
    interval: 5,
  });
  run.control.stop();
  expect(await run.end).toMatchObject({ end: 'stopped' });
  const waitingFor = 'compiling the step';
  expect(run.events).toContainEqual({ name: 'run.phaseChanged', phase: 'stopping', waitingFor });
  expect(run.events.filter(({ name }) => name === 'run.progressed').length).toBeLessThanOrEqual(1);
});
