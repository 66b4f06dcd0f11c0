import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { readCheckpoint } from '../runner/checkpoint.ts';
import { RunControl } from '../runner/runControl.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { workspaceWith } from './testing/shortRun.ts';
import { train } from './train.ts';

await testAdapter();

const WORK_DIR = 'work_dirs/val/again';

/** Stop a run of two iterations an epoch after `iters` of them; `lines` are its config's. */
async function stoppedRun(
  lines: string,
  iters: number,
): Promise<{ fs: FileSystem; saved: string[]; iterOf: (name: string) => Promise<unknown> }> {
  const fs = workspaceWith({
    'configs/my/stop.py': `_base_ = ['../learn/short_run.py']\n${lines}\n`,
  });
  // Left by an earlier run in the same work dir.
  for (const name of ['epoch_1.pth', 'iter_1.pth']) await fs.writeFile(`${WORK_DIR}/${name}`, 'old');
  const control = new RunControl();
  const saved: string[] = [];
  let done = 0;
  const onEvent = (event: RunEvent): void => {
    if (event.name === 'run.checkpointed') saved.push(event.path.split('/').at(-1) ?? '');
    if (event.name === 'run.progressed' && ++done === iters) control.stop();
  };
  const decodeImage = (): Promise<never> => Promise.reject(new Error('shapes are drawn, not decoded'));
  const job = { configPath: 'workspace/configs/my/stop.py', workDir: WORK_DIR, fs, decodeImage };
  expect((await train({ ...job, control, onEvent })).end).toBe('stopped');
  const iterOf = async (name: string): Promise<unknown> => {
    const { meta, optimizer } = await readCheckpoint(fs, `${WORK_DIR}/${name}`);
    expect(optimizer).toBeDefined();
    return meta.get('iter');
  };
  return { fs, saved, iterOf };
}

test('a stop at the end of an epoch writes over what an earlier run left', async () => {
  const { saved, iterOf } = await stoppedRun('', 2);
  expect(saved).toEqual(['epoch_1.pth']);
  expect(await iterOf('epoch_1.pth')).toBe(2);
});

test('a stop inside an epoch likewise', async () => {
  const { saved, iterOf } = await stoppedRun('', 1);
  expect(saved).toEqual(['iter_1.pth']);
  expect(await iterOf('iter_1.pth')).toBe(1);
});

test('what the run has just written itself is not written again', async () => {
  const { saved, iterOf } = await stoppedRun('checkpoint_config = dict(interval=1)', 2);
  expect(saved).toEqual(['epoch_1.pth']);
  expect(await iterOf('epoch_1.pth')).toBe(2);
});

test.each([
  ['lacks the optimizer', 'checkpoint_config = dict(interval=1, save_optimizer=False)'],
  ['holds an earlier iteration', 'checkpoint_config = dict(interval=1, by_epoch=False)'],
])('a file of the run that %s is written over', async (_, lines) => {
  const { saved, iterOf } = await stoppedRun(lines, 2);
  expect(saved.at(-1)).toBe('epoch_1.pth');
  expect(await iterOf('epoch_1.pth')).toBe(2);
});
