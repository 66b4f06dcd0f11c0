import type { OptionSpec } from './arguments.ts';
import type { Command } from './command.ts';

const CFG_OPTIONS: OptionSpec = {
  name: 'cfg-options',
  value: 'k=v …',
  arity: 'many',
  summary: 'override config values: optimizer.lr=0.01',
};
const DATA: OptionSpec = {
  name: 'data',
  value: 'NAME=PATH',
  summary: 'use the folder PATH as data/NAME (repeatable)',
};
const JSON_OUTPUT: OptionSpec = { name: 'json', summary: 'print JSON' };

export const COMMANDS: readonly Command[] = [
  {
    name: 'train',
    positional: ['config'],
    summary: 'train a detector',
    options: [
      {
        name: 'work-dir',
        value: 'D',
        summary: 'where logs and checkpoints go (default work_dirs/<config>/<timestamp>)',
      },
      DATA,
      CFG_OPTIONS,
      { name: 'resume-from', value: 'F', summary: 'go on where a checkpoint left off' },
      { name: 'load-from', value: 'F', summary: 'start from the weights of a checkpoint' },
      {
        name: 'auto-resume',
        summary: "go on with the newest checkpoint of this config's runs, if there is one",
      },
      {
        name: 'resume-optimizer',
        value: 'WHOSE',
        summary:
          "checkpoint (default): a resumed run keeps the checkpoint's lr, momentum, weight_decay …; config: it takes the config's",
      },
      {
        name: 'auto-scale-lr',
        summary: "scale the learning rate to the batch size (the config's auto_scale_lr)",
      },
      { name: 'seed', value: 'N', summary: 'seed of all random numbers (default: the config, else 0)' },
      {
        name: 'kernels',
        value: 'MODE',
        summary:
          'measure: try the variants of each kernel once; rule: go by the kernels; auto: measure on a GPU',
      },
      {
        name: 'on-invalid-loss',
        value: 'WHAT',
        summary:
          'stop (default): a loss or weights that are not finite end the run with exit code 1; go-on: train on',
      },
      { name: 'profile', summary: 'time each op of 5 iterations, and print the table into the log' },
      { name: 'eager', summary: 'run op by op instead of compiling the step: slower, the same numbers' },
    ],
    run: async (args, tools) => (await import('./train.ts')).runTrain(args, tools),
  },
  {
    name: 'plan',
    positional: ['config'],
    summary: 'what a run would be: data, parameters, schedule, hooks, memory, problems',
    options: [JSON_OUTPUT, DATA, CFG_OPTIONS],
    run: async (args, tools) => (await import('./plan.ts')).runPlan(args, tools),
  },
  {
    name: 'check',
    positional: ['config'],
    summary: 'every problem that can be known before training',
    options: [JSON_OUTPUT, DATA, CFG_OPTIONS],
    run: async (args, tools) => (await import('./plan.ts')).runCheck(args, tools),
  },
  {
    name: 'test',
    positional: ['config', 'checkpoint'],
    summary: "evaluate a checkpoint, or the best one of a work dir; the last line is the metrics' JSON",
    options: [
      { name: 'eval', value: 'METRIC', arity: 'many', summary: 'what to compute (default bbox)' },
      { name: 'out', value: 'F.json', summary: 'write the detections as a COCO results file' },
      DATA,
      CFG_OPTIONS,
    ],
    run: async (args, tools) => (await import('./test.ts')).runTest(args, tools),
  },
  {
    name: 'print-config',
    positional: ['config'],
    summary: 'print the resolved config',
    options: [JSON_OUTPUT, CFG_OPTIONS],
    run: async (args) => (await import('./printConfig.ts')).runPrintConfig(args),
  },
  {
    name: 'inspect',
    positional: ['checkpoint'],
    summary: 'list what a .pth file holds',
    options: [JSON_OUTPUT],
    run: async (args) => {
      const { inspect } = await import('./inspect.ts');
      console.log(await inspect(args.word(0), args.has('json')));
      return 0;
    },
  },
  {
    name: 'weights',
    positional: ['action', 'what?'],
    summary: 'weights to start from: list, fetch ADDRESS, import FILE, remove NAME',
    options: [],
    run: async (args) => {
      const [{ weights }, { createNodeRoot }] = await Promise.all([
        import('./weights.ts'),
        import('./nodeRoot.ts'),
      ]);
      const tell = (line: string): void => console.error(line);
      console.log(await weights(createNodeRoot().fs, args.word(0), args.positional[1], tell));
      return 0;
    },
  },
  {
    name: 'send-unsent',
    positional: ['work-dir'],
    summary: 'deliver what the W&B and MLflow loggers of a run that is over could not',
    options: [],
    run: async (args) => (await import('./sendUnsent.ts')).runSendUnsent(args),
  },
  {
    name: 'coco-eval',
    positional: ['gt.json', 'dt.json'],
    summary: "pycocotools' 12 numbers as JSON",
    options: [],
    run: async (args) => {
      const { cocoEval } = await import('./cocoEval.ts');
      const warn = (message: string): void => console.error(`warning: ${message}`);
      console.log(await cocoEval(args.word(0), args.word(1), warn));
      return 0;
    },
  },
  {
    name: 'import',
    positional: ['path'],
    summary: 'read a data set (COCO, VOC, YOLO; folder or zip) into data/NAME',
    options: [
      { name: 'name', value: 'NAME', summary: 'what configs call it: data/NAME/' },
      JSON_OUTPUT,
      { name: 'replace', summary: 'replace an imported data set of that name' },
      { name: 'bbox-format', value: 'FORMAT', summary: 'xywh (default) or xyxy: what COCO boxes mean' },
    ],
    run: async (args) => (await import('./import.ts')).runImport(args),
  },
];

/** Its code lives outside of the product: `bin/tabtrain.mjs` bundles conformance/ for it. */
export const PARITY: Omit<Command, 'run'> = {
  name: 'parity',
  positional: ['dir'],
  summary: 'run every fixture file below DIR; the last line is `N passed, N failed`',
  options: [
    { name: 'only', value: 'TEXT', summary: 'only cases whose file or id contains TEXT' },
    { name: 'verbose', summary: 'name the passed cases too' },
  ],
};
