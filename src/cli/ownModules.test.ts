// The command line as a process of its own, with a person's modules: only there do errors that nobody waits for come up as they
// do for a person, and are types checked with the installed TypeScript.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RUN_TIMEOUT_MS = 180_000;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A short run with a hook whose `beforeTrainIter` is `body`. */
async function trained(body: string): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-stray-'));
  cpSync(join(ROOT, 'configs'), join(folder, 'configs'), { recursive: true });
  mkdirSync(join(folder, 'mine'));
  writeFileSync(
    join(folder, 'mine/hook.ts'),
    `import { Hook, HOOKS } from 'tabtrain';
const fail = async (): Promise<void> => {
  await Promise.resolve();
  throw new RangeError('left alone');
};
@HOOKS.registerModule()
export class MyHook extends Hook {
  override beforeTrainIter(): void { ${body} }
}
`,
  );
  writeFileSync(
    join(folder, 'configs/learn/stray.py'),
    "_base_ = './short_run.py'\ncustom_imports = dict(imports='mine.hook')\ncustom_hooks = [dict(type='MyHook')]\n",
  );
  const command = [join(ROOT, 'bin/tabtrain.mjs'), 'train', 'configs/learn/stray.py', '--work-dir', 'w'];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, command, { cwd: folder })) };
  } catch (error) {
    return error as Ended;
  }
}

test(
  'a rejection that nobody waits for ends the run at its line, with exit code 1',
  async () => {
    const { code, stderr } = await trained('void fail();');
    expect(stderr).toMatch(
      /RunError: nobody waited for what failed: fail threw RangeError: left alone\n {2}at mine\/hook\.ts:4:9\n {2}hint: await/,
    );
    expect(code).toBe(1);
  },
  RUN_TIMEOUT_MS,
);

test(
  "a timer's throw likewise",
  async () => {
    const { code, stderr } = await trained("setTimeout(() => { throw new RangeError('too late'); }, 0);");
    expect(stderr).toMatch(/nobody waited for what failed: .*RangeError: too late\n {2}at mine\/hook\.ts:8:/);
    expect(code).toBe(1);
  },
  RUN_TIMEOUT_MS,
);

test(
  'type errors are warnings at their lines, before anything is trained; they stop nothing',
  async () => {
    const { code, stdout } = await trained("const a: number = 'x'; void a;");
    expect(stdout).toMatch(
      /WARNING - Type 'string' is not assignable to type 'number'\. \(TS2322\) \(mine\/hook\.ts:8:44\)\n[\s\S]*Epoch \[1\]/,
    );
    expect(code).toBe(0);
  },
  RUN_TIMEOUT_MS,
);
