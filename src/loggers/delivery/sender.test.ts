import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import { DEFAULT_PACE, Sender, type Delivery, type Outlet } from './sender.ts';
import { UnsentQueue } from './unsentQueue.ts';
import { at } from '../../util/at.ts';

const PACE = { ...DEFAULT_PACE, gapMs: 1, firstRetryMs: 1 };

/** Sends numbers; what one of them takes is decided by the test. */
function makeSender(take: (record: number, delivery: Delivery) => Promise<void>): {
  sender: Sender<number>;
  taken: number[];
} {
  const taken: number[] = [];
  const outlet: Outlet<number> = {
    name: 'test',
    needsHeartbeat: false,
    send: async (records, delivery) => {
      if (records.length === 0) return 0;
      await take(at(records, 0), delivery);
      taken.push(at(records, 0));
      return 1;
    },
  };
  const run = { kind: 'run', service: 'mlflow', settings: { key: 'k' } } as const;
  const queue = new UnsentQueue<number>(createMemoryFs(), 'w/unsent/a.jsonl', run, (error) => {
    throw error;
  });
  return { sender: new Sender(outlet, queue, () => undefined, PACE), taken };
}

test('close waits for as long as something gets on: an upload, or one record after the other', async () => {
  // Each of both takes longer than the limit, and neither is ever still for more than a tenth of it.
  const { sender, taken } = makeSender(async (record, { onProgress }) => {
    for (let i = 0; i < (record === 0 ? 30 : 2); i++) {
      await sleep(20);
      if (record === 0) onProgress();
    }
  });
  for (let record = 0; record < 15; record++) await sender.push(record);
  expect(await sender.close(400)).toBe(0);
  expect(taken).toHaveLength(15);
});

test('close ends when nothing gets on', async () => {
  const { sender, taken } = makeSender((record) =>
    record < 2 ? Promise.resolve() : new Promise(() => undefined),
  );
  for (const record of [0, 1, 2, 3]) await sender.push(record);
  expect(await sender.close(400)).toBe(2);
  expect(taken).toEqual([0, 1]);
});
