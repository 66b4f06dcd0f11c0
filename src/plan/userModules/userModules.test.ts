import { at } from '../../util/at.ts';
import { describe, expect, test } from 'vitest';
import { formatReport, toErrorReport } from '../../errors/trainerError.ts';
import { BuildContext } from '../../registry/buildContext.ts';
import { OPTIMIZERS } from '../../registry/registries.ts';
import { createMemoryFs } from '../../storage/memoryFs.ts';
import { createUserModules } from '../ownModules.ts';
import { type UserModules } from '../../usercode/userModules.ts';
import '../registerAll.ts';

const CONFIG = 'workspace/configs/a.py';
const OPTIMIZER = `import { Optimizer, OPTIMIZERS, type Parameter } from 'tabtrain';

interface MyArgs { params: Parameter[]; lr: number; a?: number }

@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  readonly a: number;
  constructor({ params, lr, a = 1 }: MyArgs) {
    super(params, { lr });
    this.a = a;
  }
  override step(): void {}
}
`;
const HOOK = `import { Hook, HOOKS, type Runner } from 'mmcv.runner';

@HOOKS.registerModule()
export class MyHook extends Hook {
  constructor(readonly args: { a: number; b: number }) {
    super();
  }
  override async beforeRun(runner: Runner): Promise<void> {
    await Promise.resolve();
    (runner as unknown as { nothing: { there: number } }).nothing.there = 1;
  }
}
`;

interface Imported {
  modules: UserModules;
  context: BuildContext;
  warnings: string[];
}

async function imported(files: Record<string, string>, customImports?: unknown): Promise<Imported> {
  const modules = createUserModules();
  const warnings: string[] = [];
  const context = new BuildContext(modules.registries, {
    fs: createMemoryFs(files),
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    seed: 0,
    warn: (message) => warnings.push(message),
  });
  await modules.import(CONFIG, { custom_imports: customImports }, context);
  return { modules, context, warnings };
}

/** What a person reads when these files are imported. */
async function failure(files: Record<string, string>, ...imports: string[]): Promise<string> {
  try {
    await imported(files, { imports });
  } catch (error) {
    return formatReport(toErrorReport(error));
  }
  throw new Error('nothing was thrown');
}

describe('where modules are found', () => {
  const layouts: [string, string, string][] = [
    [
      "the tutorial's path",
      'workspace/mmdet/core/optimizer/my_optimizer.ts',
      'mmdet.core.optimizer.my_optimizer',
    ],
    ['a file at the root', 'workspace/my_optimizer.ts', 'my_optimizer'],
    ["a folder's index.ts", 'workspace/mine/index.ts', 'mine'],
    ['src', 'workspace/src/mine/opt.ts', 'mine.opt'],
    ["the config's folder", 'workspace/configs/opt.ts', 'opt'],
  ];
  test.each(layouts)('%s', async (_, path, name) => {
    const { modules } = await imported(
      { [path]: OPTIMIZER },
      { imports: [name], allow_failed_imports: false },
    );
    expect(modules.registries.OPTIMIZERS.get('MyOptimizer')?.name).toBe('MyOptimizer');
    // One run's registrations are nobody else's.
    expect(OPTIMIZERS.has('MyOptimizer')).toBe(false);
  });

  test("the tutorials' own imports: what lies beside one's file in MMDetection, its loggers, PyTorch's classes", async () => {
    const text = `import { OPTIMIZERS, Optimizer } from './registry';
import { OPTIMIZER_BUILDERS } from './builder.js';
import { SGD } from '../optimizer/builder';
import * as torch from 'torch';
import { nn, optim } from 'torch';
import { LayerNorm, GroupNorm } from 'torch.nn';
import { _BatchNorm, _InstanceNorm, buildFromCfg, isListOf } from 'mmcv.utils';
import { getRootLogger } from 'mmdet.utils';
import { DefaultOptimizerConstructor } from 'mmdet.core.optimizer.builder';
getRootLogger().warning(JSON.stringify([
  OPTIMIZERS.get('SGD') === SGD && optim.SGD === SGD,
  OPTIMIZER_BUILDERS.has('DefaultOptimizerConstructor') && DefaultOptimizerConstructor.name,
  torch.nn.Conv2d === nn.Conv2d,
  [new nn.BatchNorm2d({ numFeatures: 1 }), new nn.GroupNorm({ numGroups: 1, numChannels: 1 })].map((m) =>
    [_BatchNorm, _InstanceNorm, GroupNorm, LayerNorm].map((norm) => m instanceof norm)),
  [[{}], [1], {}].map((list) => isListOf(list, Object)),
  buildFromCfg<Optimizer>({ type: 'SGD', lr: 1, params: [{ params: [] }] }, OPTIMIZERS).paramGroups[0].lr,
]));
`;
    const { warnings } = await imported(
      { 'workspace/mmdet/core/optimizer/mine.ts': text },
      { imports: ['mmdet.core.optimizer.mine'] },
    );
    expect(JSON.parse(at(warnings, 0))).toEqual([
      true,
      'DefaultOptimizerConstructor',
      true,
      [
        [true, false, false, false],
        [false, false, true, false],
      ],
      [true, false, false],
      1,
    ]);
  });

  test("a file of theirs beside it goes before MMDetection's", async () => {
    const { modules } = await imported(
      {
        'workspace/mmdet/core/optimizer/mine.ts': "export { OPTIMIZERS } from './registry';\n",
        'workspace/mmdet/core/optimizer/registry.ts': `import { Hook, HOOKS } from 'tabtrain';
@HOOKS.registerModule() export class Ran extends Hook {}
export const OPTIMIZERS = 1;`,
      },
      { imports: ['mmdet.core.optimizer.mine'] },
    );
    expect(modules.registries.HOOKS.ownNames()).toEqual(['Ran']);
  });

  test("JavaScript, with the decorator's call form", async () => {
    const text = `import { Hook, HOOKS } from 'tabtrain';\nclass JsHook extends Hook {}\nHOOKS.registerModule()(JsHook);\n`;
    const { modules } = await imported({ 'workspace/js_hook.js': text }, { imports: 'js_hook' });
    expect(modules.registries.HOOKS.has('JsHook')).toBe(true);
  });

  test('a package runs its index.ts, which imports the rest, with and without endings', async () => {
    const files = {
      'workspace/pkg/index.ts': "export * from './opt';\nimport './hooks/my_hook.ts';\n",
      'workspace/pkg/opt.ts': OPTIMIZER,
      'workspace/pkg/hooks/my_hook.ts': HOOK,
    };
    const { modules } = await imported(files, { imports: ['pkg'] });
    expect(modules.registries.OPTIMIZERS.has('MyOptimizer')).toBe(true);
    expect(modules.registries.HOOKS.has('MyHook')).toBe(true);
  });

  test("the index.ts of the workspace's mmdet runs without custom_imports, as mmdet's __init__ does", async () => {
    const { modules } = await imported({
      'workspace/mmdet/core/optimizer/index.ts':
        "import { MyOptimizer } from './my_optimizer.js';\nvoid MyOptimizer;\n",
      'workspace/mmdet/core/optimizer/my_optimizer.ts': OPTIMIZER,
    });
    expect(modules.registries.OPTIMIZERS.has('MyOptimizer')).toBe(true);
  });

  test('importing a module runs the packages around it first, once', async () => {
    const log = (name: string): string =>
      `(globalThis as unknown as { order: string[] }).order.push('${name}');\nexport {};\n`;
    Object.assign(globalThis, { order: [] });
    await imported(
      {
        'workspace/p/index.ts': log('p'),
        'workspace/p/q/index.ts': log('p.q'),
        'workspace/p/q/r.ts': log('p.q.r'),
      },
      { imports: ['p.q.r', 'p.q'] },
    );
    expect(Reflect.get(globalThis, 'order')).toEqual(['p', 'p.q', 'p.q.r']);
    Reflect.deleteProperty(globalThis, 'order');
  });

  test('an edited file is the new one in the next run', async () => {
    const imports = { imports: ['h'] };
    const text = (name: string): string => `import { Hook, HOOKS } from 'tabtrain';
@HOOKS.registerModule()
export class ${name} extends Hook {}`;
    const first = await imported({ 'workspace/h.ts': text('First') }, imports);
    const second = await imported({ 'workspace/h.ts': text('Second') }, imports);
    expect(first.modules.registries.HOOKS.ownNames()).toEqual(['First']);
    expect(second.modules.registries.HOOKS.ownNames()).toEqual(['Second']);
  });

  test('import cycles of types only, and dynamic imports, are fine', async () => {
    const { modules } = await imported(
      {
        'workspace/a.ts': "import type { B } from './b';\nexport interface A { b: B }\nexport const a = 1;\n",
        'workspace/b.ts': `import { a, type A } from './a';
import * as tabtrain from 'tabtrain';
export interface B { a: A }
void import('./late').then(({ default: one }) => (globalThis as { late?: number }).late = one);
@tabtrain.HOOKS.registerModule({ name: ['X' + a, 'Y'] }) class Two extends tabtrain.Hook {}
`,
        'workspace/late.ts': 'export default 1;\n',
      },
      { imports: ['b'] },
    );
    expect(modules.registries.HOOKS.ownNames()).toEqual(['X1', 'Y']);
    await Promise.resolve();
    expect(Reflect.get(globalThis, 'late')).toBe(1);
  });
});

describe("what goes wrong is told at the person's line", () => {
  test('a missing module', async () => {
    expect(await failure({}, 'mine.opt')).toMatchInlineSnapshot(`
      "the module 'mine.opt' of custom_imports must be in the workspace, but there is no workspace/mine/opt.ts
        at custom_imports.imports[0]
        hint: make workspace/mine/opt.ts (or .js, or a folder with index.ts); name the module, not the class in it"
    `);
  });
  test('the class instead of the module', async () => {
    expect(await failure({ 'workspace/mine/opt.ts': OPTIMIZER }, 'mine.opt.MyOptimizer'))
      .toMatchInlineSnapshot(`
        "imports names modules, but 'mine.opt.MyOptimizer' is none: MyOptimizer looks like a class in workspace/mine/opt.ts
          at custom_imports.imports[0]
          hint: write 'mine.opt': what the module registers is there once it is imported"
      `);
  });
  test('a missing relative import', async () => {
    const text = "import { OPTIMIZERS } from './registry';\nvoid OPTIMIZERS;\n";
    expect(await failure({ 'workspace/opt.ts': text }, 'opt')).toMatchInlineSnapshot(`
      "'./registry' must be a file beside this one, but there is no workspace/registry.ts
        at custom_imports.imports[0] (workspace/opt.ts:1:28)
        hint: the registries come from tabtrain: import { OPTIMIZERS, OPTIMIZER_BUILDERS, HOOKS } from 'tabtrain'"
    `);
  });
  test('a package from the network', async () => {
    const text = "import { Optimizer } from 'tabtrain';\nimport _ from 'lodash';\nvoid _; void Optimizer;\n";
    expect(await failure({ 'workspace/opt.ts': text }, 'opt')).toMatchInlineSnapshot(`
      "'lodash' must be tabtrain or a file of the workspace, but is neither
        at custom_imports.imports[0] (workspace/opt.ts:2:15)
        hint: packages from the network can't be imported; looked for workspace/lodash.ts, workspace/lodash.js, workspace/lodash/index.ts, workspace/lodash/index.js"
    `);
  });
  test('a missing export of tabtrain and of a file', async () => {
    const text = "import { Hook,\n  HOKS } from 'tabtrain';\nHOKS.registerModule()(Hook);\n";
    expect(await failure({ 'workspace/opt.ts': text }, 'opt')).toMatchInlineSnapshot(`
      "'tabtrain' must export HOKS, but does not
        at custom_imports.imports[0] (workspace/opt.ts:2:3)
        hint: did you mean 'HOOKS'?"
    `);
    const own = { 'workspace/a.ts': "export { b } from './b';\n", 'workspace/b.ts': 'export const c = 1;\n' };
    expect(await failure(own, 'a')).toMatchInlineSnapshot(`
      "'./b' must export b, but does not
        at custom_imports.imports[0] (workspace/a.ts:1:10)
        hint: did you mean 'c'?"
    `);
  });
  test('an import cycle', async () => {
    const files = {
      'workspace/a.ts': "import { b } from './b';\nexport const a = () => b;\n",
      'workspace/b.ts': "// b\nimport { a } from './a';\nexport const b = () => a;\n",
    };
    expect(await failure(files, 'a')).toMatchInlineSnapshot(`
      "modules must not import each other in a circle: workspace/a.ts -> workspace/b.ts -> workspace/a.ts
        at custom_imports.imports[0] (workspace/b.ts:2:19)
        hint: move what both need into a third file; \`import type\` is never part of a circle"
    `);
  });
  test('a syntax error', async () => {
    const text = 'interface A { x: number }\nexport const a = (1 + ;\n';
    expect(await failure({ 'workspace/opt.ts': text }, 'opt')).toMatchInlineSnapshot(`
      "Expression expected.
        at custom_imports.imports[0] (workspace/opt.ts:2:23)
        hint: TypeScript's error TS1109; the file can not be read until it is corrected"
    `);
  });
  test('a type error is none', async () => {
    const { warnings } = await imported(
      { 'workspace/opt.ts': "const a: number = 'x';\nvoid a;\n" },
      { imports: 'opt' },
    );
    expect(warnings).toEqual([]);
  });
  test('await at the top', async () => {
    const text = 'const x = 1;\nawait Promise.resolve(x);\nexport {};\n';
    expect(await failure({ 'workspace/opt.ts': text }, 'opt')).toMatchInlineSnapshot(`
      "await must be inside an async function, but stands at the top of the module
        at custom_imports.imports[0] (workspace/opt.ts:2:1)
        hint: a hook's stages may be async: wait in beforeRun"
    `);
  });
  test('a throw at import, also in a file that is imported', async () => {
    const files = {
      'workspace/a.ts': "import './b';\n",
      'workspace/b.ts':
        'interface Gone { a: number }\n\nconst nothing: Gone | undefined = undefined as Gone | undefined;\nconsole.assert(nothing!.a);\n',
    };
    expect(await failure(files, 'a')).toMatchInlineSnapshot(`
      "the module threw TypeError: Cannot read properties of undefined (reading 'a')
        at custom_imports.imports[0] (workspace/b.ts:4:25)"
    `);
    expect(await failure({ 'workspace/c.ts': "\nthrow 'text';\n" }, 'c')).toMatchInlineSnapshot(`
      "importing the module threw text
        at custom_imports.imports[0] (workspace/c.ts:1:1)"
    `);
  });
  test('the same name twice: where the first lives; force replaces it', async () => {
    const files = { 'workspace/a.ts': OPTIMIZER, 'workspace/b.ts': `// again\n${OPTIMIZER}` };
    expect(await failure(files, 'a', 'b')).toMatchInlineSnapshot(`
      "MyOptimizer is already registered in optimizer (by class MyOptimizer at workspace/a.ts:6:1)
        at custom_imports.imports[1] (workspace/b.ts:7:1)
        hint: choose another name, or pass force: true to replace the first one"
    `);
    const ours = OPTIMIZER.replaceAll('MyOptimizer', 'SGD');
    expect(await failure({ 'workspace/c.ts': ours }, 'c')).toMatchInlineSnapshot(`
      "SGD is already registered in optimizer (by class SGD)
        at custom_imports.imports[0] (workspace/c.ts:6:1)
        hint: choose another name, or pass force: true to replace the first one"
    `);
    const forced = ours.replace('registerModule()', 'registerModule({ force: true })');
    const { modules } = await imported({ 'workspace/c.ts': forced }, { imports: ['c'] });
    expect(modules.registries.OPTIMIZERS.ownNames()).toEqual(['SGD']);
  });
  test('a throw in an async hook stage, after a wait', async () => {
    const { modules, context } = await imported({ 'workspace/h.ts': HOOK }, { imports: ['h'] });
    const hook = context.build<{ args: unknown; beforeRun(runner: unknown): Promise<void> }>(
      'HOOKS',
      { type: 'MyHook', a: 1, b: 2 },
      'custom_hooks[0]',
    );
    expect(hook.args).toEqual({ a: 1, b: 2 });
    const error: unknown = await hook.beforeRun({}).catch((thrown: unknown) => modules.locate(thrown));
    expect(formatReport(toErrorReport(error))).toMatchInlineSnapshot(`
      "MyHook.beforeRun threw TypeError: Cannot set properties of undefined (setting 'there')
        at workspace/h.ts:10:72"
    `);
  });
  test('a throw in a constructor keeps the path in the config', async () => {
    const text = OPTIMIZER.replace(
      'this.a = a;',
      'if (a < 0) throw new RangeError(`a must not be negative, but got ${a}`);\n    this.a = a;',
    );
    const { modules, context } = await imported({ 'workspace/o.ts': text }, { imports: ['o'] });
    const cfg = { type: 'MyOptimizer', lr: 1, a: -1, params: [{ params: [] }] };
    let message = '';
    try {
      context.build('OPTIMIZERS', cfg, 'optimizer');
    } catch (error) {
      message = formatReport(toErrorReport(modules.locate(error)));
    }
    expect(message).toMatchInlineSnapshot(`
      "MyOptimizer: a must not be negative, but got -1
        at optimizer (workspace/o.ts:10:22)"
    `);
  });
});

test('allow_failed_imports: what Python calls an ImportError is a warning, all else still fails', async () => {
  const files = {
    'workspace/a.ts': "import './gone';\n",
    'workspace/b.ts': 'export const = 1;\n',
    'workspace/ok.ts': OPTIMIZER,
  };
  const { warnings, modules } = await imported(files, {
    imports: ['nowhere', 'a', 'ok'],
    allow_failed_imports: true,
  });
  expect(warnings).toMatchInlineSnapshot(`
    [
      "nowhere failed to import and is ignored: the module 'nowhere' of custom_imports must be in the workspace, but there is no workspace/nowhere.ts",
      "a failed to import and is ignored: './gone' must be a file beside this one, but there is no workspace/gone.ts (workspace/a.ts:1:8)",
    ]
  `);
  expect(modules.registries.OPTIMIZERS.ownNames()).toEqual(['MyOptimizer']);
  await expect(imported(files, { imports: ['b'], allow_failed_imports: true })).rejects.toMatchObject({
    code: 'syntax-error',
  });
});
