// The run worker's side of the protocol, without the worker: what trains is handed in, so that node can test it.

import { RunError } from '../errors/trainerError.ts';
import { RunControl } from '../runner/runControl.ts';
import type { RunListener } from '../contracts/runEvents.ts';
import { serve, type Endpoint, type Server } from './channel.ts';
import { createEventBatcher } from './eventBatcher.ts';
import type { EngineInfo, RunRequest, SecretQuestion, RunCalls, RunWorkerEvents } from './protocol.ts';

export interface RunHostParts {
  probe(): Promise<EngineInfo>;
  train(
    request: RunRequest,
    control: RunControl,
    onEvent: RunListener,
    askSecret: (question: SecretQuestion) => Promise<string | null>,
  ): Promise<{ workDir: string }>;
}

/** Answer RunCalls on `endpoint`; one run at a time. */
export function createRunHost(endpoint: Endpoint, parts: RunHostParts): Server<RunWorkerEvents> {
  let current: { runId: number; control: RunControl } | null = null;

  let questions = 0;
  /** Who waits for which answer. */
  const open = new Map<number, (value: string | null) => void>();

  /** Requests for a run that is over are stale: they change nothing. */
  const controlOf = (runId: number): RunControl | null => (current?.runId === runId ? current.control : null);

  const server = serve<RunCalls, RunWorkerEvents>(endpoint, {
    'engine.probe': () => parts.probe(),
    'run.train': async (request) => {
      if (current) {
        throw new RunError('one run at a time: a run is already going', {
          code: 'run-busy',
          hint: 'Stop it first, or wait until it is done.',
        });
      }
      const control = new RunControl({ isAttended: true });
      current = { runId: request.runId, control };
      let seq = 0;
      const batcher = createEventBatcher((events) =>
        server.emit('run.batch', { runId: request.runId, seq: seq++, events }),
      );
      try {
        return await parts.train(
          request,
          control,
          (event) => batcher.push(event),
          (question) =>
            new Promise((resolve) => {
              const id = questions++;
              open.set(id, resolve);
              server.emit('secret.asked', { runId: request.runId, id, question });
            }),
        );
      } finally {
        batcher.flush();
        current = null;
        for (const resolve of open.values()) resolve(null);
        open.clear();
      }
    },
    'run.pause': async ({ runId }) => {
      controlOf(runId)?.pause();
    },
    'run.resume': async ({ runId }) => {
      controlOf(runId)?.resume();
    },
    'run.stop': async ({ runId }) => {
      controlOf(runId)?.stop();
    },
    'run.profile': async ({ runId, iters }) => {
      controlOf(runId)?.profile(iters);
    },
    'secret.answer': async ({ id, value }) => {
      open.get(id)?.(value);
      open.delete(id);
    },
  });
  return server;
}
