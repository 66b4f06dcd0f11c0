import { expect, test } from 'vitest';
import { serve } from './channel.ts';
import { WorkerClients, type WorkerLike } from './client.ts';

/** A worker made of a MessagePort, with a crash one can trigger. */
class FakeWorker extends EventTarget {
  readonly inside: MessagePort;
  isTerminated = false;
  readonly #outside: MessagePort;

  constructor() {
    super();
    const { port1, port2 } = new MessageChannel();
    this.#outside = port1;
    this.inside = port2;
    port1.addEventListener('message', ({ data }) =>
      this.dispatchEvent(new MessageEvent('message', { data })),
    );
    port1.start();
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#outside.postMessage(message, transfer);
  }

  terminate(): void {
    this.isTerminated = true;
    this.#outside.close();
  }

  crash(message: string): void {
    this.dispatchEvent(Object.assign(new Event('error'), { message }));
  }
}

function setUp() {
  const made: FakeWorker[] = [];
  const make = (): WorkerLike => {
    const worker = new FakeWorker();
    made.push(worker);
    // Node's EventTarget has the DOM's methods; only the overloads differ.
    return worker as unknown as WorkerLike;
  };
  return { made, clients: new WorkerClients({ createDataWorker: make, createTrainWorker: make }) };
}

test('workers are made when first asked for, once', () => {
  const { made, clients } = setUp();
  expect(made).toHaveLength(0);
  expect(clients.hasTrainWorker).toBe(false);
  expect(clients.train).toBe(clients.train);
  expect(made).toHaveLength(1);
  clients.endTrainWorker('done');
});

test('a crash rejects what was open in plain words, and the next call gets a fresh worker', async () => {
  const { made, clients } = setUp();
  const open = clients.train.call('run.train', { runId: 1, configPath: 'a.py' });
  made[0].crash('Uncaught RangeError: Array buffer allocation failed');
  await expect(open).rejects.toMatchObject({
    code: 'worker-crashed',
    message: 'the training worker stopped working: Uncaught RangeError: Array buffer allocation failed',
    hint: 'Everything that was saved is still there. Reload the page if it happens again.',
  });
  expect(made[0].isTerminated).toBe(true);
  const next = clients.train.call('engine.probe', {});
  expect(made).toHaveLength(2);
  serve(made[1].inside, { 'engine.probe': async () => ({ name: 'GPU', isSoftware: false }) });
  expect(await next).toEqual({ name: 'GPU', isSoftware: false });
  clients.endTrainWorker('done');
});

test("a data loader's crash is told to the training worker of its run", async () => {
  const { made, clients } = setUp();
  const lost: unknown[] = [];
  const { train } = clients;
  serve(made[0].inside, {
    'run.loseSamples': async (request: unknown) => {
      lost.push(request);
    },
  });
  const starting = clients.startSampleWorker(5);
  serve(made[1].inside, { 'samples.attach': async () => undefined });
  const port = await starting;
  made[1].crash('out of memory');
  await expect
    .poll(() => lost)
    .toEqual([{ runId: 5, why: 'the data loader stopped working: out of memory' }]);
  expect(train).toBe(clients.train);
  port.close();
  clients.endTrainWorker('done');
});
