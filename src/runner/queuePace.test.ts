import { expect, test } from 'vitest';
import { QueuePace } from './queuePace.ts';
import { take } from '../util/at.ts';

/** A GPU that takes a while for each iteration, and tells what is done only every so often. Times are numbers, not waits. */
class Gpu {
  now = 0;
  #free = 0;
  #open: { readonly at: number; resolve(): void }[] = [];

  constructor(
    public stepMs: number,
    public tickMs: number,
  ) {}

  queue(): Promise<void> {
    this.#free = Math.max(this.#free, this.now) + this.stepMs;
    const at = this.#free;
    return new Promise((resolve) => this.#open.push({ at, resolve }));
  }

  /** Let time pass until something is told. */
  tick(): void {
    const [next] = take(this.#open, 1);
    this.now = Math.max(this.now, Math.ceil(next.at / this.tickMs) * this.tickMs);
    const told = this.#open.filter(({ at }) => at <= this.now);
    this.#open = this.#open.filter(({ at }) => at > this.now);
    for (const { resolve } of told) resolve();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const makePace = (): QueuePace => new QueuePace(() => Promise.resolve());

/** @returns ms per iteration of the last fifty, on the GPU's clock */
async function run(pace: QueuePace, gpu: Gpu, iters = 100): Promise<number> {
  let half = 0;
  for (let i = 0; i < iters; i++) {
    if (i === iters - 50) half = gpu.now;
    let isOver = false;
    const added = pace.add(gpu.queue()).then(() => (isOver = true));
    for (await settled(); !isOver; await settled()) gpu.tick();
    await added;
  }
  return (gpu.now - half) / 50;
}

test('a GPU that tells at once needs two iterations in its queue', async () => {
  const pace = makePace();
  expect(await run(pace, new Gpu(50, 0.01))).toBeCloseTo(50, 0);
  expect(pace.depth).toBe(2);
});

test('news every 100 ms: the queue grows until the GPU is never idle', async () => {
  const pace = makePace();
  expect(await run(pace, new Gpu(15, 100))).toBeLessThan(17);
  expect(pace.depth).toBeGreaterThanOrEqual(8);
  expect(pace.depth).toBeLessThanOrEqual(16);
});

test('it never grows beyond 16, and shrinks where it is no longer needed', async () => {
  const pace = makePace();
  const gpu = new Gpu(0.1, 100);
  await run(pace, gpu);
  expect(pace.depth).toBe(16);
  [gpu.stepMs, gpu.tickMs] = [50, 0.01];
  await run(pace, gpu, 600);
  expect(pace.depth).toBe(2);
});

test('a failure is thrown when its turn comes, and none counts as unhandled', async () => {
  const pace = new QueuePace();
  await pace.add(Promise.resolve());
  await pace.add(Promise.reject(new Error('the device is lost')));
  await pace.add(Promise.reject(new Error('a later one')));
  await expect(pace.add(Promise.resolve())).rejects.toThrow('the device is lost');
});
