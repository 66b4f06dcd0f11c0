import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { readCheckpoint } from '../runner/checkpoint.ts';
import type { LoadedCheckpoint } from '../runner/loadedCheckpoint.ts';
import { shortRun } from './testing/shortRun.ts';

await testAdapter();

const config = (epochs: number, hook: string): Record<string, string> => ({
  'configs/my/a.py': `_base_ = ['../learn/short_run.py']
runner = dict(max_epochs=${epochs})
custom_hooks = [${hook}]
checkpoint_config = dict(interval=1)
evaluation = None
seed = 0
`,
});

test('parts keep their weights for so many epochs, and train then', async () => {
  const { fs, workDir, log } = await shortRun(
    'configs/my/a.py',
    config(3, "dict(type='FreezeHook', modules=['backbone', 'neck'], epochs=2)"),
  );
  expect(log).toContain('FreezeHook: backbone, neck train from now on');
  expect(log).not.toContain("can't be compiled");
  const states: LoadedCheckpoint['stateDict'][] = [];
  for (const epoch of [1, 2, 3])
    states.push((await readCheckpoint(fs, `${workDir}/epoch_${epoch}.pth`)).stateDict);
  const changed = (from: number, to: number): Set<string> =>
    new Set(
      [...(states[from] ?? [])].flatMap(([name, { data }]) =>
        String(data) === String(states[to]?.get(name)?.data) ? [] : [name.split('.', 1)[0] ?? ''],
      ),
    );
  expect([...changed(0, 1)]).toEqual(['bbox_head']);
  expect([...changed(1, 2)].sort()).toEqual(['backbone', 'bbox_head', 'neck']);
});

test('a name that the model has not is told', async () => {
  await expect(
    shortRun('configs/my/a.py', config(1, "dict(type='FreezeHook', modules=['bakbone'], epochs=1)")),
  ).rejects.toMatchObject({ code: 'unknown-module', hint: "did you mean 'backbone'?" });
});
