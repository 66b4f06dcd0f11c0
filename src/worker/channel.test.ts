import { afterEach, expect, test, vi } from 'vitest';
import { ConfigError, TrainerError } from '../errors/trainerError.ts';
import { RpcClient, serve, Transferred, type Handlers } from './channel.ts';

interface Calls {
  'number.double': { req: { value: number }; res: number };
  'error.throw': { req: { known: boolean }; res: undefined };
  'buffer.make': { req: { bytes: number }; res: Uint8Array };
  'buffer.measure': { req: { buffer: ArrayBuffer }; res: number };
  'work.wait': { req: { steps: number }; res: string; progress: number };
}
interface Events {
  'light.switched': { isOn: boolean };
}

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function connect(overrides: Partial<Handlers<Calls>> = {}) {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const server = serve<Calls, Events>(port2, {
    'number.double': async ({ value }) => value * 2,
    'error.throw': async ({ known }) => {
      if (known)
        throw new ConfigError('lr must be positive', {
          code: 'bad-value',
          path: 'optimizer.lr',
          hint: 'say 0.01',
        });
      throw new RangeError('boom');
    },
    'buffer.make': async ({ bytes }) => {
      const made = new Uint8Array(bytes).fill(7);
      return new Transferred(made, [made.buffer]);
    },
    'buffer.measure': async ({ buffer }) => buffer.byteLength,
    'work.wait': async ({ steps }, { signal, progress }) => {
      for (let i = 1; i <= steps; i++) progress(i);
      return new Promise((resolve, reject) => {
        if (steps < 3) resolve('done');
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
    ...overrides,
  });
  return { client: new RpcClient<Calls, Events>(port1), server };
}

test('a call gets the reply to its own request, whatever the order of the replies', async () => {
  const { client } = connect({
    'number.double': async ({ value }) => {
      await new Promise((resolve) => setTimeout(resolve, value === 1 ? 30 : 0));
      return value * 2;
    },
  });
  const order: number[] = [];
  const calls = [1, 2, 3].map((value) =>
    client.call('number.double', { value }).then((result) => order.push(result)),
  );
  await Promise.all(calls);
  expect(order).toEqual([4, 6, 2]);
});

test('an error crosses with its code, path, hint and class', async () => {
  const { client } = connect();
  await expect(client.call('error.throw', { known: true })).rejects.toMatchObject({
    name: 'ConfigError',
    message: 'lr must be positive',
    code: 'bad-value',
    path: 'optimizer.lr',
    hint: 'say 0.01',
    isInputError: true,
  });
  await expect(client.call('error.throw', { known: false })).rejects.toMatchObject({
    name: 'RangeError',
    message: 'boom',
    code: 'internal',
  });
});

test('cancelling aborts the handler, and the call settles with what it answers', async () => {
  const { client } = connect();
  const controller = new AbortController();
  const progress: number[] = [];
  const call = client.call(
    'work.wait',
    { steps: 3 },
    {
      signal: controller.signal,
      onProgress: (step) => {
        progress.push(step);
        if (step === 3) controller.abort();
      },
    },
  );
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  expect(progress).toEqual([1, 2, 3]);
});

test('a call whose signal is aborted already is cancelled too', async () => {
  const { client } = connect();
  await expect(client.call('work.wait', { steps: 5 }, { signal: AbortSignal.abort() })).rejects.toMatchObject(
    { code: 'cancelled' },
  );
});

test('when the other side is gone, open calls and later ones are rejected', async () => {
  const { client } = connect();
  const open = client.call('work.wait', { steps: 9 });
  const reason = new TrainerError('the worker stopped', { code: 'worker-crashed' });
  client.dispose(reason);
  await expect(open).rejects.toBe(reason);
  await expect(client.call('number.double', { value: 1 })).rejects.toBe(reason);
});

test('transferred buffers move: the sender has none left', async () => {
  const { client } = connect();
  expect((await client.call('buffer.make', { bytes: 5 }))[4]).toBe(7);
  const buffer = new ArrayBuffer(16);
  expect(await client.call('buffer.measure', { buffer }, { transfer: [buffer] })).toBe(16);
  expect(buffer.byteLength).toBe(0);
});

test('a request or a reply that can not be cloned rejects instead of hanging', async () => {
  const { client } = connect({
    // A function can't be cloned; the type is bent to send one.
    'number.double': async () => (() => 1) as unknown as number,
  });
  await expect(client.call('number.double', { value: 1 })).rejects.toThrow(/could not be cloned/);
  const unclonable = { value: (() => 1) as unknown as number };
  await expect(client.call('number.double', unclonable)).rejects.toThrow(/could not be cloned/);
});

test('events reach every listener until it leaves', async () => {
  const { client, server } = connect();
  const first = vi.fn();
  const second = vi.fn();
  const leave = client.on('light.switched', first);
  client.on('light.switched', second);
  server.emit('light.switched', { isOn: true });
  await vi.waitFor(() => expect(second).toHaveBeenCalledTimes(1));
  leave();
  server.emit('light.switched', { isOn: false });
  await vi.waitFor(() => expect(second).toHaveBeenCalledTimes(2));
  expect(first.mock.calls).toEqual([[{ isOn: true }]]);
});

test('an unknown call name is refused, object methods included', async () => {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  serve<Record<never, never>, Events>(port2, {});
  const client = new RpcClient<{ toString: { req: number; res: number } }, Events>(port1);
  await expect(client.call('toString', 1)).rejects.toThrow('internal: no handler for toString');
});
