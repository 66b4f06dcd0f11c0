// The sentences that say where a run stands.

import { assertNever } from '../errors/invariant.ts';
import type { RunStatus } from '../worker/protocol.ts';
import type { RunView } from './state/runView.svelte.ts';

/** One line for the status bar. */
export function describeRun(view: RunView): string {
  const { phase, progress, facts } = view;
  const name = facts?.configName ?? '';
  const where = progress
    ? `epoch ${progress.epoch} of ${progress.maxEpochs}, iteration ${progress.innerIter} of ${progress.itersPerEpoch}`
    : '';
  const { busy, waitingFor } = view;
  if (busy && phase !== 'failed') {
    const place = `${busy.file}:${busy.line} has not come to an end for ${busy.seconds} s`;
    return phase === 'stopping' ? `Stopping: ${place}` : `${place}. Stop ends the run.`;
  }
  switch (phase) {
    case 'preparing':
      if (waitingFor !== null) return `Preparing the run: ${waitingFor}…`;
      return view.configPath === null ? 'Ready. Press Train to start the open config.' : 'Preparing the run…';
    case 'running':
      return where === '' ? 'Training: first iteration…' : `Training: ${where}`;
    case 'paused':
      if (view.isPausing) return where === '' ? 'Pausing…' : `Pausing: ${where}`;
      return where === '' ? 'Paused before the first iteration' : `Paused: ${where}`;
    case 'stopping':
      if (waitingFor !== null) return `Stopping: ${waitingFor}…`;
      return view.hasBegun ? 'Stopping after this iteration…' : 'Stopping…';
    case 'finished':
      return `Finished: ${name}`;
    case 'stopped':
      return `Stopped: ${name}`;
    case 'interrupted':
      return `Interrupted: ${name}`;
    case 'failed':
      return `Failed: ${view.error?.message ?? name}`;
    default:
      return assertNever(phase, 'phase');
  }
}

export const STATUS_LABELS: Readonly<Record<RunStatus, string>> = {
  running: 'Running',
  interrupted: 'Interrupted',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
};
