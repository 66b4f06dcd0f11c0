// Inside a worker thread: one contender, asked by messages.
import { parentPort, workerData } from 'node:worker_threads';
import type {
  Answers,
  Contender,
  ContenderName,
  Loaded,
  Request,
  Sample,
  Stepper,
} from './contenders/contender.ts';
import { deviceReport, resetDispatches, startDevice } from './contenders/device.ts';

/** What a worker is started with. */
export interface WorkerArgs {
  readonly contender: ContenderName;
  /** Of jax-js, which doesn't tell its own. */
  readonly jaxVersion: string;
}

export type Reply = { readonly ok: Answers[keyof Answers] } | { readonly error: string };

/** Answer requests until the thread is ended. */
export async function serve(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('serve() belongs into a worker thread');
  const args = workerData as WorkerArgs;
  let stepper: Stepper | null = null;
  let contender: Promise<Contender> | null = null;
  const answer = async (request: Request): Promise<Answers[keyof Answers]> => {
    if (request.do === 'load') {
      contender ??= startDevice().then(async (adapter) => make(args, adapter));
      const { about, load } = await contender;
      const start = performance.now();
      stepper = await load(request.job);
      return warmUp(about, stepper, start);
    }
    if (!stepper) throw new Error('nothing is loaded');
    if (request.do === 'steps') return steps(stepper, request.count);
    if (request.do === 'pipelined') return pipelined(stepper, request.count);
    return { ...deviceReport(), tensors: stepper.tensors?.() ?? null };
  };
  port.on('message', (request: Request) => {
    void answer(request).then(
      (ok) => port.postMessage({ ok } satisfies Reply),
      (error: unknown) => port.postMessage({ error: String(error) } satisfies Reply),
    );
  });
}

// Loaded only where they run: each brings its own library.
async function make({ contender, jaxVersion }: WorkerArgs, adapter: string): Promise<Contender> {
  switch (contender) {
    case 'compiled':
      return (await import('./contenders/compiled.ts')).compiled(adapter);
    case 'eager':
      return (await import('./contenders/eager.ts')).eager(adapter);
    case 'tfjs':
      return (await import('./contenders/stockTfjs.ts')).stockTfjs(adapter);
    case 'jaxjs':
      return (await import('./contenders/jaxJs.ts')).jaxJs(adapter, jaxVersion);
    case 'matmul':
      return (await import('./contenders/matmul.ts')).matmul(adapter);
    case 'torch_cpu':
    case 'torch_cuda':
      throw new Error('PyTorch runs in a process of its own');
  }
}

async function warmUp(about: string, stepper: Stepper, start: number): Promise<Loaded> {
  const values: number[] = [];
  let firstStepMs = 0;
  for (let i = 0; i < 3; i++) {
    stepper.step();
    await stepper.idle();
    if (i === 0) firstStepMs = performance.now() - start;
    values.push(await stepper.value());
  }
  return { about, values, firstStepMs };
}

async function steps(stepper: Stepper, count: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    resetDispatches();
    const cpu = process.cpuUsage();
    const start = performance.now();
    stepper.step();
    const jsMs = performance.now() - start;
    await stepper.idle();
    const wallMs = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    samples.push({ wallMs, jsMs, cpuMs: (user + system) / 1000 });
  }
  return samples;
}

async function pipelined(stepper: Stepper, count: number): Promise<{ stepMs: number }> {
  const start = performance.now();
  for (let i = 0; i < count; i++) stepper.step();
  await stepper.idle();
  return { stepMs: (performance.now() - start) / count };
}
