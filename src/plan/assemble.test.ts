// What a plan does with what is thrown on the way to it: nothing may keep the rest from being told.

import { expect, test } from 'vitest';
import type { Plan } from '../contracts/plan.ts';
import type { Problem } from '../contracts/problem.ts';
import type { Module } from '../nn/index.ts';
import { withStrays } from '../util/testing/nodeStrays.ts';
import { assemble } from './assemble.ts';
import { BUILDERS, type Builder } from './builders.ts';
import { readRunConfig, type RunConfig } from './runConfig.ts';
import { jobOf, PLANNED, planText } from './testing/planText.ts';

const job = jobOf('');
const configOf = (): Promise<RunConfig> => readRunConfig(job.fs, PLANNED);

/** The config with a value that throws when it is read. */
async function withThrowing(key: string): Promise<RunConfig> {
  const config = await configOf();
  const dict = { ...config.dict };
  Object.defineProperty(dict, key, {
    enumerable: true,
    get: () => {
      throw new Error(`no ${key}`);
    },
  });
  return { ...config, dict };
}

const errorsOf = ({ problems }: { readonly problems: readonly Problem[] }): string[] =>
  problems.filter(({ severity }) => severity === 'error').map(({ message }) => message);

test.each(['auto_scale_lr', 'momentum_config'])(
  'a check that throws over %s is a problem, and the parts are built all the same',
  async (key) => {
    const assembly = await assemble(job, await withThrowing(key));
    expect(errorsOf(assembly)).toContain(`no ${key}`);
    expect(assembly.parts.model).not.toBeNull();
    expect(assembly.parts.trainSet).not.toBeNull();
    assembly.dispose();
  },
);

test('what onBuild throws ends the assembling: the parts are freed, and it is thrown on', async () => {
  const stop = new Error('stopped');
  let model: Module | null = null;
  let freed = 0;
  const watched: Builder = {
    name: 'watched',
    needs: ['model'],
    build: (parts) => {
      const built = parts.model;
      if (!built) return;
      model = built;
      const dispose = built.dispose.bind(built);
      built.dispose = () => {
        freed += 1;
        dispose();
      };
    },
  };
  const builders = [...BUILDERS.slice(0, 6), watched, ...BUILDERS.slice(6)];
  const onBuild = (name: string): void => {
    if (name === 'hooks') throw stop;
  };
  await expect(assemble(job, await configOf(), { builders, onBuild })).rejects.toBe(stop);
  expect([model !== null, freed]).toEqual([true, 1]);
});

test('what a part reports while it is described is a problem, where there is no log to go on with', async () => {
  const late: Builder = {
    name: 'late',
    needs: ['model'],
    build: ({ model, context }) => {
      const parameters = model?.parameters.bind(model);
      if (model && parameters)
        model.parameters = () => {
          context.services.warn('told late');
          return parameters();
        };
    },
  };
  const { problems } = await planText('', {}, { builders: [...BUILDERS, late] });
  expect(problems.map(({ severity, message }) => [severity, message])).toEqual([['warning', 'told late']]);
});

const HOOK = (body: string): Record<string, string> => ({
  'workspace/mine.ts': `import { Hook, HOOKS } from 'tabtrain';
@HOOKS.registerModule()
export class Mine extends Hook {
  ${body}
}
`,
});
const WITH_HOOK = "custom_imports = dict(imports=['mine'])\ncustom_hooks = [dict(type='Mine')]\n";

/** What each plan has that isn't touched by what a hook throws. */
function expectTheRest(plan: Plan): void {
  expect(plan).toMatchObject({ model: 'RetinaNet', optimizer: 'AdamW', itersPerEpoch: 40 });
  expect(plan.datasets).toHaveLength(2);
  expect(plan.parameters.length).toBeGreaterThan(10);
  expect(plan.groups.length).toBeGreaterThan(0);
  expect(plan.evaluations?.count).toBeGreaterThan(0);
}

test.each([
  ['throws', "throw new Error('boom')", 'Mine.gpuBytes threw Error: boom'],
  ['never ends', 'for (;;) {}', 'the code must come to an end, but has run for 5 s without a pause'],
] as const)(
  'a class that %s when it is described: told at its line, and only that section is left out',
  async (_, body, message) => {
    const plan = await planText(WITH_HOOK, HOOK(`override gpuBytes(): number { ${body} }`));
    expect(plan.problems).toMatchObject([
      { severity: 'error', message, span: { file: 'workspace/mine.ts', line: 4 } },
    ]);
    expect(plan.memory).toBeNull();
    expect(plan.hooks.map(({ name }) => name)).toContain('Mine');
    expectTheRest(plan);
  },
  60_000,
);

test('what a class says that can not be posted between workers is a problem of its section', async () => {
  const plan = await planText(
    WITH_HOOK,
    HOOK("override get hookName(): string { return (() => 'x') as never; }"),
  );
  expect(errorsOf(plan)).toEqual([expect.stringContaining("the hooks can't be told before the run")]);
  expect(plan.hooks).toEqual([]);
  expectTheRest(plan);
  expect(structuredClone(plan)).toEqual(plan);
}, 60_000);

test('a class that throws when it is freed is told, and the plan is there', async () => {
  const plan = await planText(
    "custom_imports = dict(imports=['mine'])\noptimizer = dict(_delete_=True, type='Mine', lr=0.1)\n",
    {
      'workspace/mine.ts': `import { OPTIMIZERS, Optimizer } from 'tabtrain';
@OPTIMIZERS.registerModule()
export class Mine extends Optimizer {
  constructor({ params, lr }) { super(params, { lr }); }
  step() {}
  dispose() { throw new Error('held'); }
}
`,
    },
  );
  expect(errorsOf(plan)).toContain('Mine.dispose threw Error: held');
  expect(plan.optimizer).toBe('Mine');
}, 60_000);

test.each([
  ['a rejected promise', "void Promise.reject(new Error('boom'));"],
  ['a timer', "setTimeout(() => { throw new Error('boom'); });"],
] as const)(
  'what a module leaves alone (%s) is a problem of the plan, at its line',
  (_, statement) =>
    withStrays(async (watchStray, count) => {
      const plan = await planText(
        "custom_imports = dict(imports=['mine'])",
        { 'workspace/mine.ts': `export const a = 1;\n${statement}\n` },
        { watchStray },
      );
      expect(plan.problems).toMatchObject([
        { severity: 'error', code: 'stray-error', span: { file: 'workspace/mine.ts', line: 2 } },
      ]);
      expectTheRest(plan);
      expect(count()).toBe(0);
    }),
  60_000,
);

test('why the length of an epoch is unknown: what kept data.train from being built, not what else is wrong', async () => {
  const plan = await planText(`
lr_config = dict(policy='Mine')
optimizer = dict(type='AdamWW')
data = dict(train=dict(_delete_=True, type='CocoDataset', ann_file='data/none.json', pipeline=[]))`);
  expect(plan.itersProblem).toBe('annotation file data/none.json must exist, but there is no such file');
  const flow = await planText("workflow = [('trian', 1)]\nmodel = dict(backbone=dict(dept=3))");
  expect(flow.itersProblem).toContain('workflow');
  const module = await planText(
    "custom_imports = dict(imports=['mine'])\nmodel = dict(backbone=dict(dept=3))",
    { 'workspace/mine.ts': "throw new Error('at import');\n" },
  );
  expect(module.itersProblem).toContain('at import');
}, 60_000);
