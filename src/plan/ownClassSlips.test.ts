// Slips that people make in classes of their own: each is told at its class, with what to write instead.

import { expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../errors/trainerError.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { shortRun } from '../run/testing/shortRun.ts';

await testAdapter();

/** @returns what a person reads when a run of these config lines with this module fails */
async function failure(module: string, lines: string, name = 'mine.ts'): Promise<string> {
  const text = `_base_ = './short_run.py'\ncustom_imports = dict(imports=['mine'])\n${lines}\n`;
  try {
    await shortRun('configs/learn/own.py', { [name]: module, 'configs/learn/own.py': text });
  } catch (error) {
    return formatReport(toErrorReport(error));
  }
  throw new Error('nothing was thrown');
}

const OPTIMIZER = "optimizer = dict(_delete_=True, type='MyOptimizer', lr=0.1)";
const imports = "import { Hook, HOOKS, Optimizer, OPTIMIZERS, type Parameter } from 'tabtrain';\n";

test('an optimizer that extends nothing, with super() and without', async () => {
  const body = (call: string): string =>
    `${imports}@OPTIMIZERS.registerModule()
export class MyOptimizer {
  constructor({ params, lr }: { params: Parameter[]; lr: number }) {
    ${call}
  }
  step(): void {}
}
`;
  expect(await failure(body('void [params, lr];'), OPTIMIZER)).toMatchInlineSnapshot(`
    "MyOptimizer must extend Optimizer, but doesn't
      at optimizer.type (workspace/mine.ts:3:14)
      hint: import { Optimizer } from 'tabtrain' and write class MyOptimizer extends Optimizer"
  `);
  expect(await failure(body('super(params, { lr });'), OPTIMIZER)).toMatchInlineSnapshot(`
    "super() must be in a class that extends another, but MyOptimizer extends none
      at custom_imports.imports[0] (workspace/mine.ts:5:5)
      hint: write class MyOptimizer extends Optimizer, Hook or whatever it is"
  `);
});

test('an optimizer without step', async () => {
  const text = `import { Optimizer, OPTIMIZERS } from 'tabtrain';
class MyOptimizer extends Optimizer {
  constructor({ params, lr }) { super(params, { lr }); }
  stepp() {}
}
OPTIMIZERS.registerModule()(MyOptimizer);
`;
  expect(await failure(text, OPTIMIZER, 'mine.js')).toMatchInlineSnapshot(`
    "MyOptimizer must have a method step, but has none
      at optimizer.type (workspace/mine.js:2:7)
      hint: override step(): void { … } updates the parameters"
  `);
});

test('an optimizer without a constructor', async () => {
  const text = `${imports}@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer { override step(): void {} }
`;
  expect(await failure(text, OPTIMIZER)).toMatchInlineSnapshot(`
    "MyOptimizer: the optimizer must be given a list of parameters, but got something else
      at optimizer (workspace/configs/learn/own.py:3:38)
      hint: write constructor({ params, lr }) { super(params, { lr }); }"
  `);
});

test("Python's constructor", async () => {
  const text = `${imports}@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  constructor(params: Parameter[], lr: number, c: number) { super(params, { lr, c }); }
  override step(): void {}
}
`;
  expect(await failure(text, OPTIMIZER)).toMatchInlineSnapshot(`
    "MyOptimizer must take its arguments as one object, but its constructor takes params, lr, c side by side
      at optimizer (workspace/mine.ts:4:15)
      hint: write constructor({ params, lr, c })"
  `);
});

test('a hook that extends nothing', async () => {
  const text = `${imports}@HOOKS.registerModule()
export class MyHook { beforeRun(): void {} }
`;
  expect(await failure(text, "custom_hooks = [dict(type='MyHook')]")).toMatchInlineSnapshot(`
    "MyHook must extend Hook, but doesn't
      at custom_hooks[0] (workspace/mine.ts:3:14)
      hint: import { Hook } from 'tabtrain' and write class MyHook extends Hook"
  `);
});

test('a class that is imported but not registered, or registered as something else', async () => {
  const text = (line: string): string => `${imports}${line}
export class MyHook extends Hook {}
`;
  const lines = "custom_hooks = [dict(type='MyHook')]";
  expect(await failure(text(''), lines)).toMatchInlineSnapshot(`
    "MyHook is not in the hook registry
      at custom_hooks[0].type (workspace/configs/learn/own.py:3:27)
      hint: workspace/mine.ts:3:14 has a class MyHook, but registers it nowhere: write @HOOKS.registerModule() above it"
  `);
  expect(await failure(text('@OPTIMIZERS.registerModule()'), lines)).toContain(
    'has a class MyHook, but registers it in OPTIMIZERS',
  );
  const policy = `import { LrUpdaterHook } from 'tabtrain';
export class MineLrUpdaterHook extends LrUpdaterHook {}
`;
  expect(await failure(policy, "lr_config = dict(_delete_=True, policy='Mine')")).toContain(
    'mine.ts:2:14 has a class MineLrUpdaterHook, but registers it nowhere',
  );
});

test('registerModule without brackets registers, as with MMCV', async () => {
  const text = `${imports}@HOOKS.registerModule
export class MyHook extends Hook {
  override beforeRun(): void { throw new Error('it ran'); }
}
`;
  expect(await failure(text, "custom_hooks = [dict(type='MyHook')]")).toContain(
    'MyHook.beforeRun threw Error: it ran',
  );
});

test('arguments that a class declares are checked as those of ours', async () => {
  const module = `import { declareArgs, Hook, HOOKS, kinds, optional, withDefaults, type ArgsOf } from 'tabtrain';
const ARGS = declareArgs({ interval: optional(kinds.atLeast(kinds.int, 1), 10, 'How often.', 'iterations') });
@HOOKS.registerModule()
export class MyHook extends Hook {
  static readonly args = ARGS;
  readonly interval: number;
  constructor(args: ArgsOf<typeof ARGS>) {
    super();
    this.interval = withDefaults(ARGS, args).interval;
  }
}
`;
  expect(await failure(module, "custom_hooks = [dict(type='MyHook', interval=0)]")).toContain(
    'MyHook: interval must be a whole number of at least 1, but got 0',
  );
  expect(await failure(module, "custom_hooks = [dict(type='MyHook', intervall=1)]")).toContain(
    "did you mean 'interval'?",
  );
});
