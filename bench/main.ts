// The benchmarks' command line; in a worker thread, a contender. See README.md, "Benchmarks".
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { parseArgs } from 'node:util';
import type { ContenderName } from './contenders/contender.ts';
import { kernelsSuite } from './kernels.ts';
import { optimizerSuite } from './suites/optimizer.ts';
import { scalingSuite } from './suites/scaling.ts';
import { stepSuite } from './suites/step.ts';
import type { SuiteOptions, SuiteResult } from './suites/suite.ts';
import { serve } from './worker.ts';

const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<SuiteResult>>> = {
  step: stepSuite,
  kernels: kernelsSuite,
  optimizer: optimizerSuite,
  scaling: scalingSuite,
};

// `torch` stands for both of PyTorch's.
const PEERS: readonly ContenderName[] = ['compiled', 'eager', 'tfjs', 'jaxjs', 'torch_cpu', 'torch_cuda'];

const USAGE = `npm run bench -- [--suite step|kernels|optimizer|scaling] [--nets 4conv,retinanet_small,mobilenetv2]
  [--peers compiled,eager,tfjs,jaxjs,torch] [--steps ROUNDS] [--json FILE]
TABTRAIN_ADAPTER=gpu|lavapipe|swiftshader picks the adapter, TABTRAIN_PYTHON a Python with torch.`;

/** What the launching script knows. */
export interface Launch {
  readonly torchScript: string;
  readonly jaxVersion: string;
  /** Also write `<suite>.json` and `<suite>.md` there. */
  readonly resultsFolder?: string;
}

/** @returns the exit code: 1 when contenders disagree or a contender of ours gave no number, 2 for wrong arguments */
export async function main(argv: readonly string[], launch: Launch): Promise<number> {
  let args: ReturnType<typeof parse>;
  try {
    args = parse(argv);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  if (args.help) {
    console.log(USAGE);
    return 0;
  }
  // Chooses the driver for all threads. Not imported above: a worker that loads this file must not load our engine.
  const { installNodeGpu } = await import('../src/gpu/device/nodeGpu.ts');
  await installNodeGpu();
  const { suite, json, ...rest } = args;
  const places = { ...launch, workerUrl: import.meta.url };
  const run = SUITES[suite];
  if (!run) throw new Error(`internal: no suite is called ${suite}`);
  const { rows, text, adapter, failures } = await run({ ...rest, places });
  const failed = failures.map((failure) => `FAILED: ${failure}\n`).join('');
  const markdown = `## ${suite}, ${adapter ?? 'no adapter'}\n\n${text}\n\n${failed}`;
  console.log(markdown);
  const result = { adapter, date: new Date().toISOString(), node: process.version, [suite]: rows, failures };
  const { resultsFolder } = launch;
  const write = (file: string): void => {
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  };
  if (json !== undefined) write(json);
  if (resultsFolder !== undefined) {
    write(join(resultsFolder, `${suite}.json`));
    writeFileSync(join(resultsFolder, `${suite}.md`), markdown);
  }
  return failures.length === 0 && adapter !== null ? 0 : 1;
}

function parse(argv: readonly string[]): Omit<SuiteOptions, 'places'> & {
  help: boolean;
  suite: string;
  json: string | undefined;
} {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      suite: { type: 'string', default: 'step' },
      nets: { type: 'string', default: '' },
      peers: { type: 'string', default: 'compiled,eager,tfjs,jaxjs,torch' },
      steps: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (!(values.suite in SUITES))
    throw new Error(`--suite must be one of ${Object.keys(SUITES).join(', ')}, but got '${values.suite}'`);
  const steps = values.steps === undefined ? null : Number(values.steps);
  if (steps !== null && !(Number.isInteger(steps) && steps > 0))
    throw new Error(`--steps must be a positive whole number, but got '${values.steps ?? ''}'`);
  const { help, suite, json } = values;
  return {
    help,
    suite,
    json,
    steps,
    nets: listOf(values.nets),
    peers: listOf(values.peers).flatMap(peersOf),
  };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function peersOf(name: string): readonly ContenderName[] {
  if (name === 'torch') return ['torch_cpu', 'torch_cuda'];
  const found = PEERS.filter((peer) => peer === name);
  if (found.length === 0) throw new Error(`--peers takes ${PEERS.join(', ')} and torch, but got '${name}'`);
  return found;
}

if (!isMainThread) await serve();
