import { expect, test } from 'vitest';
import type { RunEvent } from '../../contracts/runEvents.ts';
import type { Measure, RunHistory } from '../../worker/protocol.ts';
import { canEndNow, runEndedError } from '../endRun.ts';
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

const started = (startIter: number): RunEvent => ({
  name: 'run.started',
  workDir: 'work_dirs/a/1',
  configName: 'a',
  classes: ['circle'],
  maxEpochs: 2,
  maxIters: 40,
  itersPerEpoch: 20,
  startEpoch: 0,
  startIter,
  parameterCount: 1,
  trainableParameterCount: 1,
});

test('a run that goes on shows all it had until it begins, and then what lies behind its start', () => {
  const view = new RunView();
  view.applyHistory(historyOf());
  view.goOn();
  expect(view.measures.map((m) => m.iter)).toEqual([10, 20, 30]);
  view.apply([started(20), { name: 'run.measured', ...measure(25) }]);
  expect(view.measures.map((m) => m.iter)).toEqual([10, 20, 25]);
  expect(view.log).toEqual(['one']);
  expect(view.phase).toBe('preparing');
  expect(view.hasBegun).toBe(true);
});

test('why an earlier run failed is told after a reload', () => {
  const view = new RunView();
  view.applyHistory(historyOf({ status: 'failed', message: 'the loss is not a number' }));
  expect(describeRun(view)).toBe('Failed: the loss is not a number');
  view.goOn();
  expect(view.error).toBeNull();
});

test('a run that goes on may be ended at once until it has begun, with the word that nothing was trained', () => {
  const view = new RunView();
  view.applyHistory(
    historyOf({
      checkpoints: [{ path: 'work_dirs/a/1/epoch_1.pth', bytes: 1, modifiedMs: 1, epoch: 1, iter: 20 }],
    }),
  );
  view.goOn();
  expect(canEndNow(view)).toBe(true);
  expect(runEndedError(view).hint).toBe('nothing had been trained');
  view.apply([started(20)]);
  expect(canEndNow(view)).toBe(false);
  expect(runEndedError(view).hint).toBe('it goes on from work_dirs/a/1/epoch_1.pth');
  view.goOn();
  expect(canEndNow(view)).toBe(true);
});

test('a stop is shown at once, and what was said before it was heard changes nothing', () => {
  const view = new RunView();
  view.configPath = 'workspace/a.py';
  view.askStop();
  expect(describeRun(view)).toBe('Stopping…');
  view.apply([started(0), { name: 'run.phaseChanged', phase: 'running' }]);
  expect(describeRun(view)).toBe('Stopping after this iteration…');
  view.apply([{ name: 'run.phaseChanged', phase: 'stopping', waitingFor: 'compiling the step' }]);
  expect(describeRun(view)).toBe('Stopping: compiling the step…');
  view.apply([{ name: 'run.phaseChanged', phase: 'stopped' }]);
  expect(view.isAlive).toBe(false);
});

test('a pause is shown at once, and called done when its worker has heard of it', () => {
  const view = new RunView();
  view.askPause();
  expect(view.phase).toBe('paused');
  expect(describeRun(view)).toBe('Pausing…');
  view.apply([
    { name: 'run.phaseChanged', phase: 'preparing' },
    started(0),
    { name: 'run.phaseChanged', phase: 'running' },
  ]);
  expect(describeRun(view)).toBe('Pausing…');
  view.apply([{ name: 'run.phaseChanged', phase: 'paused' }]);
  expect(describeRun(view)).toBe('Paused before the first iteration');
  view.apply([{ name: 'run.phaseChanged', phase: 'running' }]);
  expect(view.phase).toBe('running');
});

test('a pause that was not heard is taken back by Resume', () => {
  const view = new RunView();
  view.askPause();
  view.askResume();
  expect([view.phase, view.isPausing]).toEqual(['preparing', false]);
  view.apply([started(0), { name: 'run.phaseChanged', phase: 'running' }]);
  view.askPause();
  view.askResume();
  expect(view.phase).toBe('running');
  view.askStop();
  view.askResume();
  expect(view.phase).toBe('stopping');
});
