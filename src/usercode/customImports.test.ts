import { describe, expect, test } from 'vitest';
import { loadConfig } from '../config/config.ts';
import { checkCustomImports } from './customImports.ts';
import { moduleCandidates, moduleRoots } from './customImports.ts';

async function problems(imports: string, files: Record<string, string>): Promise<string[]> {
  const path = 'workspace/configs/a.py';
  const all: Record<string, string> = { ...files, [path]: `custom_imports = dict(imports=${imports})\n` };
  const { diagnostics } = await loadConfig(path, async (file) => all[file] ?? null, {
    check: checkCustomImports,
  });
  return diagnostics.map(
    ({ severity, message, span }) => `${severity} ${span.line}:${span.column} ${message}`,
  );
}

describe('custom_imports', () => {
  test('modules are looked for in the workspace, then around the config, each with its src', () => {
    expect(moduleRoots('workspace/configs/s/a.py')).toEqual([
      'workspace',
      'workspace/src',
      'workspace/configs/s',
      'workspace/configs/s/src',
      'workspace/configs',
      'workspace/configs/src',
    ]);
    // The command line: the working folder, and folders outside it.
    expect(moduleRoots('configs/a.py')).toEqual(['', 'src', 'configs', 'configs/src']);
    expect(moduleRoots('/x/a.py')).toEqual(['', 'src', '/x', '/x/src']);
    expect(moduleCandidates('m.n', ['', 'src'])).toContain('src/m/n/index.ts');
  });

  test('each layout is found, before anything runs', async () => {
    const files = {
      'workspace/mmdet/core/my_hook.ts': '',
      'workspace/pkg/index.ts': '',
      'workspace/src/deep/er.js': '',
      'workspace/configs/beside.ts': '',
    };
    expect(
      await problems("['mmdet.core.my_hook', 'pkg', 'deep.er', 'beside', 'mmcv.runner']", files),
    ).toEqual([]);
  });

  test('a missing module, and the class instead of its module, are marked at the name', async () => {
    const files = { 'workspace/m/opt.ts': '' };
    expect(await problems("['m.opt', 'm.opt.MyOpt', 'nowhere']", files)).toMatchInlineSnapshot(`
      [
        "error 1:41 imports names modules, but 'm.opt.MyOpt' is none: MyOpt looks like a class in workspace/m/opt.ts",
        "error 1:56 the module 'nowhere' of custom_imports must be in the workspace, but there is no workspace/nowhere.ts",
      ]
    `);
  });
});
