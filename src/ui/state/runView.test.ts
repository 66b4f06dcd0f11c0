import { expect, test } from 'vitest';
import type { Measure, RunHistory } from '../../worker/protocol.ts';
import { describeRun } from '../runText.ts';
import { RunView } from './runView.svelte.ts';

const measure = (iter: number): Measure => ({ mode: 'train', epoch: 1, iter, values: { loss: 1 / iter } });

function historyOf(changes: Partial<RunHistory['summary']> = {}): RunHistory {
  const summary = {
    workDir: 'work_dirs/a/1',
    configName: 'a',
    configPath: 'workspace/a.py',
    status: 'stopped' as const,
    startedMs: 1,
    endedMs: 2,
    checkpoints: [],
    message: null,
    ...changes,
  };
  return {
    summary,
    measures: [10, 20, 30].map(measure),
    log: ['one'],
    itersPerEpoch: 20,
    maxEpochs: 2,
    maxIters: 40,
    classes: ['circle'],
  };
}

test('a run that goes on keeps what lies behind the checkpoint', () => {
  const view = new RunView();
  view.applyHistory(historyOf());
  view.continueFrom(20);
  view.apply([{ name: 'run.measured', ...measure(25) }]);
  expect(view.measures.map((m) => m.iter)).toEqual([10, 20, 25]);
  expect(view.log).toEqual(['one']);
  expect(view.phase).toBe('preparing');
});

test('why an earlier run failed is told after a reload', () => {
  const view = new RunView();
  view.applyHistory(historyOf({ status: 'failed', message: 'the loss is not a number' }));
  expect(describeRun(view)).toBe('Failed: the loss is not a number');
  view.continueFrom(null);
  expect(view.error).toBeNull();
});
