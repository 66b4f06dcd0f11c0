import { afterEach, expect, test, vi } from 'vitest';
import { RunError } from '../errors/trainerError.ts';
import type { RunControl } from '../runner/runControl.ts';
import type { RunEvent, RunListener } from '../contracts/runEvents.ts';
import { RpcClient } from './channel.ts';
import { createRunHost, type RunHostParts } from './host.ts';
import type { RunCalls, RunWorkerEvents } from './protocol.ts';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function connect(train: RunHostParts['train']) {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  createRunHost(port2, {
    probe: async () => ({ name: 'Test GPU', isSoftware: true }),
    train,
  });
  const client = new RpcClient<RunCalls, RunWorkerEvents>(port1);
  const batches: RunWorkerEvents['run.batch'][] = [];
  client.on('run.batch', (batch) => batches.push(batch));
  return { client, batches };
}

/** A loop like the runner's: never ends by itself, yields after every iteration through a message, never a timer. */
async function loop(control: RunControl, onEvent: RunListener, onIter?: (iter: number) => void) {
  const { port1, port2 } = new MessageChannel();
  for (let iter = 1; ; iter++) {
    onIter?.(iter);
    onEvent({
      name: 'run.progressed',
      epoch: 1,
      maxEpochs: 1,
      iter,
      maxIters: 10,
      innerIter: iter,
      itersPerEpoch: 10,
      etaS: null,
    });
    if (await control.checkpoint()) break;
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  }
  port1.close();
  return { workDir: 'work_dirs/a/1' };
}

test('pause, resume and stop are heard while the loop turns', async () => {
  let iterations = 0;
  const { client } = connect((_request, control, onEvent) => loop(control, onEvent, () => (iterations += 1)));
  const run = client.call('run.train', { runId: 1, configPath: 'a.py' });
  await vi.waitFor(() => expect(iterations).toBeGreaterThan(5));
  await client.call('run.pause', { runId: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const paused = iterations;
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(iterations).toBe(paused);
  await client.call('run.resume', { runId: 1 });
  await vi.waitFor(() => expect(iterations).toBeGreaterThan(paused));
  await client.call('run.stop', { runId: 1 });
  expect(await run).toEqual({ workDir: 'work_dirs/a/1' });
});

test('a stop while paused ends the run', async () => {
  const { client } = connect((_request, control, onEvent) => loop(control, onEvent));
  const run = client.call('run.train', { runId: 1, configPath: 'a.py' });
  await client.call('run.pause', { runId: 1 });
  await client.call('run.stop', { runId: 1 });
  await expect(run).resolves.toBeDefined();
});

test('requests for another run change nothing', async () => {
  let iterations = 0;
  const { client } = connect((_request, control, onEvent) => loop(control, onEvent, () => (iterations += 1)));
  const run = client.call('run.train', { runId: 7, configPath: 'a.py' });
  await client.call('run.stop', { runId: 6 });
  const before = iterations;
  await vi.waitFor(() => expect(iterations).toBeGreaterThan(before + 5));
  await client.call('run.stop', { runId: 7 });
  await run;
});

test('a second run is refused while the first goes on, and accepted after it failed', async () => {
  let fail = (): void => undefined;
  const { client } = connect(
    () =>
      new Promise((_resolve, reject) => {
        fail = () => reject(new RunError('the loss is NaN at iteration 3', { code: 'nan-loss' }));
      }),
  );
  const first = client.call('run.train', { runId: 1, configPath: 'a.py' });
  await expect(client.call('run.train', { runId: 2, configPath: 'a.py' })).rejects.toMatchObject({
    code: 'run-busy',
  });
  fail();
  await expect(first).rejects.toMatchObject({ code: 'nan-loss', name: 'RunError' });
  void client.call('run.train', { runId: 3, configPath: 'a.py' }).catch(() => undefined);
  await client.call('run.pause', { runId: 3 });
});

test('a fast loop sends few batches, numbered without gaps, and loses no measurement', async () => {
  const total = 3000;
  const { client, batches } = connect(async (_request, control, onEvent) => {
    void loop(control, onEvent, (iter) => {
      onEvent({ name: 'run.measured', mode: 'train', epoch: 1, iter, values: { loss: 1 / iter } });
      if (iter === total) control.stop();
    });
    while (!control.isStopRequested) await new Promise((resolve) => setTimeout(resolve, 5));
    return { workDir: 'w' };
  });
  const begun = performance.now();
  await client.call('run.train', { runId: 1, configPath: 'a.py' });
  const elapsedMs = performance.now() - begun;
  await vi.waitFor(() => expect(measured(batches)).toHaveLength(total));
  expect(batches.map((batch) => batch.seq)).toEqual(batches.map((_, i) => i));
  expect(batches.length).toBeLessThanOrEqual(elapsedMs / 100 + 3);
  expect(measured(batches).map((event) => event.iter)).toEqual(
    Array.from({ length: total }, (_, i) => i + 1),
  );
});

function measured(batches: readonly RunWorkerEvents['run.batch'][]) {
  const events: RunEvent[] = batches.flatMap((batch) => [...batch.events]);
  return events.filter((event) => event.name === 'run.measured');
}

test('events are on their way before the run is answered', async () => {
  const { client, batches } = connect(async (_request, _control, onEvent) => {
    onEvent({ name: 'run.logged', line: 'one' });
    onEvent({ name: 'run.logged', line: 'two' });
    return { workDir: 'w' };
  });
  await client.call('run.train', { runId: 1, configPath: 'a.py' });
  const lines = batches.flatMap((b) => b.events).map((e) => (e.name === 'run.logged' ? e.line : ''));
  expect(lines).toEqual(['one', 'two']);
});

test('probe names the adapter', async () => {
  const { client } = connect(async () => ({ workDir: '' }));
  expect(await client.call('engine.probe', {})).toEqual({ name: 'Test GPU', isSoftware: true });
});

test('a question reaches the page while training goes on; its answer comes back, and the end of the run answers the rest', async () => {
  const answers: (string | null)[] = [];
  const ended: (string | null)[] = [];
  const origin = 'https://example.org';
  const question = { name: 'WANDB_API_KEY', title: 'API key', origin, url: `${origin}/authorize` };
  const { client } = connect(async (_request, control, onEvent, askSecret) => {
    void askSecret(question).then((value) => answers.push(value));
    void askSecret({ ...question, refused: 'no' }).then((value) => ended.push(value));
    return loop(control, onEvent);
  });
  const asked: RunWorkerEvents['secret.asked'][] = [];
  client.on('secret.asked', (one) => asked.push(one));
  const run = client.call('run.train', { runId: 7, configPath: 'a.py' });
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[0]).toEqual({ runId: 7, id: 0, question });
  await client.call('secret.answer', { id: 0, value: 'k' });
  expect(answers).toEqual(['k']);
  expect(ended).toEqual([]);
  await client.call('run.stop', { runId: 7 });
  await run;
  expect(ended).toEqual([null]);
});
