import { expect, test } from 'vitest';
import { createMemoryFs } from '../../../../storage/memoryFs.ts';
import type { FileSystem } from '../../../../util/fileSystem.ts';
import { UnsentQueue } from './unsentQueue.ts';

const PATH = 'w/unsent/a.jsonl';
const record = (i: number): { i: number; text: string } => ({ i, text: 'ö'.repeat(300) });

async function takeAll(queue: UnsentQueue<{ i: number }>, max = 200): Promise<number[]> {
  const taken: number[] = [];
  while (queue.length > 0) {
    const records = await queue.peek(max);
    taken.push(...records.map(({ i }) => i));
    queue.drop(records.length);
  }
  return taken;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const fail = (error: unknown): never => {
  throw error;
};

test('a short queue touches no disk; a long one goes on in the file, in order, and the file goes in the end', async () => {
  const fs = createMemoryFs();
  const queue = new UnsentQueue<{ i: number; text: string }>(fs, PATH, fail);
  for (const i of range(400)) queue.push(record(i));
  expect(await fs.stat(PATH)).toBeNull();
  for (const i of range(2600)) queue.push(record(400 + i));
  expect(queue.length).toBe(3000);
  expect(await takeAll(queue)).toEqual(range(3000));
  // The removal is the queue's last turn.
  expect(await queue.leave()).toBe(true);
  expect(await fs.stat(PATH)).toBeNull();
  queue.push(record(1));
  expect(await queue.peek(5)).toEqual([record(1)]);
});

test('records that come while others are taken keep their order', async () => {
  const queue = new UnsentQueue<{ i: number; text: string }>(createMemoryFs(), PATH, fail);
  const taken: number[] = [];
  let next = 0;
  for (let round = 0; round < 60; round++) {
    for (let n = 0; n < 40; n++) queue.push(record(next++));
    if (round === 20) void queue.persist();
    const records = await queue.peek(1 + ((round * 7) % 60));
    for (let n = 0; n < round % 5; n++) queue.push(record(next++));
    taken.push(...records.map(({ i }) => i));
    queue.drop(records.length);
  }
  taken.push(...(await takeAll(queue)));
  expect(taken).toEqual(range(next));
});

test('persist puts everything into the file; leave cuts off what was delivered since', async () => {
  const fs = createMemoryFs();
  const queue = new UnsentQueue<{ i: number; text: string }>(fs, PATH, fail);
  for (const i of range(10)) queue.push(record(i));
  await queue.persist();
  for (const i of [10, 11]) queue.push(record(i));
  const linesOf = async (): Promise<number[]> =>
    (await fs.readText(PATH))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { i: number }).i);
  await queue.persist();
  expect(await linesOf()).toEqual(range(12));
  expect(await queue.peek(4)).toHaveLength(4);
  queue.drop(4);
  expect(await queue.leave()).toBe(true);
  expect(await linesOf()).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
});

test('a disk that refuses is told, and the records stay in memory', async () => {
  const fs = createMemoryFs();
  const full: FileSystem = Object.assign(Object.create(fs) as FileSystem, {
    appendFile: () => Promise.reject(new Error('disk is full')),
    writeFile: () => Promise.reject(new Error('disk is full')),
  });
  const told: unknown[] = [];
  const queue = new UnsentQueue<{ i: number; text: string }>(full, PATH, (error) => told.push(error));
  for (const i of range(1200)) queue.push(record(i));
  await queue.persist();
  expect(told.map(String)).toEqual(['Error: disk is full']);
  for (const i of range(10)) queue.push(record(1200 + i));
  expect(await queue.leave()).toBe(false);
  expect(await takeAll(queue)).toEqual(range(1210));
});
