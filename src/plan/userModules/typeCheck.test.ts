// What TypeScript says of a person's modules: what runs must not be reproached, what is wrong must be found at its line. The
// editor's way of finding modules is tried with the same compiler.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';
import { storedTypes } from '../../../scripts/apiTypes.mjs';
import {
  MODULE_COMPILER_OPTIONS,
  moduleAliases,
  moduleGraph,
  moduleRoots,
  OWN_SPECIFIERS,
} from '../../usercode/index.ts';
import { formatSpan } from '../../errors/span.ts';
import { shipped } from '../../run/testing/shortRun.ts';
import * as tutorial from '../../run/testing/tutorialModules.ts';
import { checkTypes, type ApiTypes } from '../../usercode/typeCheck.ts';

const LIB = dirname(createRequire(import.meta.url).resolve('typescript'));
const readLib = (name: string): string | undefined => {
  try {
    return readFileSync(join(LIB, name), 'utf8');
  } catch {
    return undefined;
  }
};
const roots = moduleRoots('workspace/configs/a.py');

let api: ApiTypes = { files: {}, entry: '' };
// Making the declarations takes seconds when a source has changed.
beforeAll(async () => {
  api = await storedTypes();
}, 180_000);

type Files = Readonly<Record<string, string>>;

/** As the command line: imports resolved by the run's own rules. */
async function found(files: Files, entries = Object.keys(files)): Promise<string[]> {
  const graph = await moduleGraph(entries, {
    readText: async (path) => files[path] ?? '',
    isFile: async (path) => files[path] !== undefined,
    roots,
  });
  const diagnostics = await checkTypes(graph, { api, readLib });
  return diagnostics.map(({ span, message, code }) => `${formatSpan(span)} ${code} ${message}`);
}

/** As the editor: TypeScript resolves imports itself, with the help of files that only it sees. */
function foundInEditor(files: Files): string[] {
  const all = new Map(Object.entries(files).map(([path, text]) => [`/${path}`, text]));
  for (const [path, text] of Object.entries(api.files)) all.set(`/tabtrain-types/${path}`, text);
  for (const { path, text } of moduleAliases(Object.keys(files), roots, 'tabtrain-aliases'))
    all.set(`/${path}`, text);
  const entry = `/tabtrain-types/${api.entry}`;
  const options: ts.CompilerOptions = {
    ...MODULE_COMPILER_OPTIONS,
    types: [],
    paths: {
      ...Object.fromEntries(OWN_SPECIFIERS.map((name) => [name, [entry]])),
      '*': ['/tabtrain-aliases/*'],
    },
  };
  const readFile = (name: string): string | undefined =>
    all.get(name) ?? readLib(name.replace(/^\/lib\//, ''));
  const program = ts.createProgram([...all.keys()], options, {
    readFile,
    fileExists: (name) => all.has(name),
    getSourceFile: (name, version) => {
      const text = readFile(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, version);
    },
    getDefaultLibFileName: () => `/lib/${ts.getDefaultLibFileName(options)}`,
    getDefaultLibLocation: () => '/lib',
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: () => undefined,
  });
  return Object.keys(files).flatMap((path) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(`/${path}`))
      .map(({ messageText }) => `${path} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`),
  );
}

const RUNS: Files = {
  'workspace/mmdet/core/optimizer/all.ts': `import { OPTIMIZERS } from './registry';
import { OPTIMIZER_BUILDERS } from './builder.js';
import { HOOKS, type Runner } from 'mmcv.runner';
import { Hook } from 'mmcv/runner/hooks';
import { first } from 'mmdet.core.optimizer.first';
import { first as again } from 'mmdet/core/optimizer/first';
import second from 'second';
import { third } from 'configs.third';
import { third as near } from 'third';
import { packed } from 'pack';
import { script } from '../../../script';
import type { Shape } from './shapes.ts';
export const all: [string, number, number, string, Shape] = [first + again, second, third + near, packed, { x: 1 }];
export const kinds = [OPTIMIZERS, OPTIMIZER_BUILDERS, HOOKS, script];
export class Own extends Hook { override beforeRun(runner: Runner): void { runner.logger.info('here'); } }
`,
  'workspace/mmdet/core/optimizer/first.ts': "export const first = 'a';\n",
  'workspace/src/second.ts': 'export default 2;\n',
  'workspace/configs/third.ts': 'export const third = 3;\n',
  'workspace/pack/index.ts': "export * from './inner';\n",
  'workspace/pack/inner.ts': "export const packed = 'p';\n",
  'workspace/script.js': 'export const script = (a) => a.b;\n',
  'workspace/mmdet/core/optimizer/shapes.ts': 'export interface Shape { x: number }\n',
};

describe('imports that run', () => {
  test('are found on the command line', async () => {
    expect(await found(RUNS, ['workspace/mmdet/core/optimizer/all.ts'])).toEqual([]);
  });

  test('are found in the editor', () => {
    expect(foundInEditor(RUNS)).toEqual([]);
  });

  test('those that do not are not', async () => {
    const files = {
      'workspace/a.ts': "import { a } from './registry';\nimport { b } from 'second';\nvoid [a, b];\n",
    };
    expect(await found(files)).toHaveLength(2);
    expect(foundInEditor(files)).toHaveLength(2);
  });
});

test("templates, Learn's modules and the tutorial's twins have no type errors", async () => {
  const folder = 'workspace/mmdet/core/optimizer';
  const files: Record<string, string> = {
    [`${folder}/default_constructor.ts`]: tutorial.DEFAULT_OPTIMIZER_CONSTRUCTOR,
    [`${folder}/my_optimizer.ts`]: tutorial.MY_OPTIMIZER,
    [`${folder}/twin.ts`]: tutorial.MY_OPTIMIZER_CONSTRUCTOR,
    'workspace/my_hook.ts': tutorial.MY_HOOK,
    'workspace/probe.ts': tutorial.PROBE,
  };
  for (const name of ['my_optimizer', 'my_fused_optimizer', 'my_optimizer_constructor', 'my_hook'])
    files[`workspace/templates/${name}.ts`] = shipped(`src/ui/editor/templates/${name}.ts`);
  for (const name of ['my_optimizer', 'my_optimizer_constructor', 'my_hook'])
    files[`workspace/learn/${name}.ts`] = shipped(`src/ui/learn/modules/${name}.ts`);
  expect(await found(files)).toEqual([]);
  expect(foundInEditor(files)).toEqual([]);
});

test('errors are found at their lines, also in files that are only imported, and for their types only', async () => {
  const files = {
    'workspace/a.ts': `import { Hook, type Runner } from 'tabtrain';
import type { Shape } from './b';
export class A extends Hook {
  override beforeRun(runner: Runner): void {
    runner.logger.info(1);
  }
  shape: Shape = { x: '' };
}
`,
    'workspace/b.ts': 'export interface Shape { x: number }\nexport const y: string = 3;\n',
  };
  expect(await found(files, ['workspace/a.ts'])).toMatchInlineSnapshot(`
    [
      "workspace/a.ts:5:24 TS2345 Argument of type 'number' is not assignable to parameter of type 'string'.",
      "workspace/a.ts:7:20 TS2322 Type 'string' is not assignable to type 'number'.",
      "workspace/b.ts:2:14 TS2322 Type 'number' is not assignable to type 'string'.",
    ]
  `);
});
