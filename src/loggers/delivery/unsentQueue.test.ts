import { expect, test } from 'vitest';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import type { FileSystem } from '../../contracts/fileSystem.ts';
import { readUnsentFile, type TrackedRun } from './unsentFile.ts';
import { UnsentQueue } from './unsentQueue.ts';

interface Record {
  readonly i: number;
  readonly text: string;
}

const PATH = 'w/unsent/a.jsonl';
const RUN: TrackedRun = { kind: 'run', service: 'mlflow', settings: { key: 'k' } };
const record = (i: number): Record => ({ i, text: 'ö'.repeat(300) });

async function takeAll(queue: UnsentQueue<Record>, max = 200): Promise<number[]> {
  const taken: number[] = [];
  while (queue.length > 0) {
    const records = await queue.peek(max);
    taken.push(...records.map(({ i }) => i));
    queue.drop(records.length);
  }
  return taken;
}

const range = (n: number, start = 0): number[] => Array.from({ length: n }, (_, i) => start + i);
const fail = (error: unknown): never => {
  throw error;
};
const open = (fs: FileSystem, onDiskError: (error: unknown) => void = fail): UnsentQueue<Record> =>
  new UnsentQueue<Record>(fs, PATH, RUN, onDiskError);
const inFile = async (fs: FileSystem): Promise<number[]> =>
  (await readUnsentFile<Record>(fs, PATH))?.records.map(({ i }) => i) ?? [];

test('a record is in the file as soon as push has resolved; the file goes with the last one', async () => {
  const fs = createMemoryFs();
  const queue = open(fs);
  for (const i of range(3)) {
    await queue.push(record(i));
    expect(await inFile(fs)).toEqual(range(i + 1));
  }
  expect((await fs.readText(PATH)).split('\n')[0]).toBe(JSON.stringify(RUN));
  expect(await takeAll(queue)).toEqual(range(3));
  // The removal is the queue's last turn.
  expect(await queue.leave()).toBe(true);
  expect(await fs.stat(PATH)).toBeNull();
  await queue.push(record(7));
  expect(await inFile(fs)).toEqual([7]);
  expect(await queue.peek(5)).toEqual([record(7)]);
});

test('a long queue is read back from the file, in order', async () => {
  const fs = createMemoryFs();
  const queue = open(fs);
  for (const i of range(3000)) void queue.push(record(i));
  expect(queue.length).toBe(3000);
  expect(await takeAll(queue)).toEqual(range(3000));
  expect(await queue.leave()).toBe(true);
  expect(await fs.stat(PATH)).toBeNull();
});

test('records that come while others are taken keep their order', async () => {
  const queue = open(createMemoryFs());
  const taken: number[] = [];
  let next = 0;
  for (let round = 0; round < 60; round++) {
    for (let n = 0; n < 40; n++) void queue.push(record(next++));
    const records = await queue.peek(1 + ((round * 7) % 60));
    for (let n = 0; n < round % 5; n++) void queue.push(record(next++));
    if (round === 30) void queue.describe(RUN);
    taken.push(...records.map(({ i }) => i));
    queue.drop(records.length);
  }
  taken.push(...(await takeAll(queue)));
  expect(taken).toEqual(range(next));
});

test('leave cuts off what was delivered; another process takes the rest over, but for what it does not want', async () => {
  const fs = createMemoryFs();
  const first = open(fs);
  for (const i of range(12)) await first.push(record(i));
  expect(await first.peek(4)).toHaveLength(4);
  first.drop(4);
  expect(await inFile(fs)).toEqual(range(12));
  expect(await first.leave()).toBe(true);
  expect(await inFile(fs)).toEqual(range(8, 4));

  const second = open(fs);
  await second.adopt(({ i }) => i !== 6);
  await second.push(record(12));
  const wanted = [4, 5, 7, 8, 9, 10, 11, 12];
  expect(await inFile(fs)).toEqual(wanted);
  expect(await takeAll(second)).toEqual(wanted);
});

test('a file that a crash cut anywhere gives the whole records before the cut', async () => {
  const fs = createMemoryFs();
  const whole = open(fs);
  for (const i of range(3)) await whole.push({ i, text: 'a' });
  const bytes = await fs.readFile(PATH);
  for (let end = 0; end < bytes.length; end += 3) {
    const cut = createMemoryFs({ [PATH]: bytes.slice(0, end) });
    const queue = open(cut);
    await queue.adopt();
    await queue.push({ i: 9, text: 'b' });
    const taken = await takeAll(queue);
    expect(taken.slice(0, -1)).toEqual(range(taken.length - 1));
    expect(taken.at(-1)).toBe(9);
  }
});

test('a file that something else changed is an error, not an endless loop', async () => {
  const fs = createMemoryFs();
  const queue = open(fs);
  for (const i of range(1200)) await queue.push(record(i));
  queue.drop(500);
  await fs.writeFile(PATH, '');
  await expect(queue.peek(10)).rejects.toThrow(
    `${PATH} must hold 700 records that are not delivered yet, but something else has changed it: they are lost`,
  );
  // What comes later is safe again.
  await queue.push(record(1));
  expect(await queue.leave()).toBe(true);
  expect(await inFile(fs)).toEqual([1]);
});

test('a disk that refuses is told once, and the records stay in memory', async () => {
  const fs = createMemoryFs();
  const full: FileSystem = Object.assign(Object.create(fs) as FileSystem, {
    appendFile: () => Promise.reject(new Error('disk is full')),
    writeFile: () => Promise.reject(new Error('disk is full')),
  });
  const told: unknown[] = [];
  const queue = open(full, (error) => told.push(error));
  for (const i of range(1210)) await queue.push(record(i));
  expect(told.map(String)).toEqual(['Error: disk is full']);
  expect(await queue.leave()).toBe(false);
  expect(await takeAll(queue)).toEqual(range(1210));
});
