import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { readCheckpoint } from '../runner/checkpoint.ts';
import { RunControl } from '../runner/runControl.ts';
import { workspaceWith } from './testing/shortRun.ts';
import { train } from './train.ts';

await testAdapter();

const config = (classes: string, epochs: number): string => `_base_ = ['../learn/short_run.py']
classes = ${classes}
data = dict(train=dict(classes=classes))
model = dict(bbox_head=dict(num_classes=2))
checkpoint_config = dict(interval=1)
evaluation = None
runner = dict(max_epochs=${epochs})
`;

test('a resumed run numbers its labels as the checkpoint does, by name; other names are refused', async () => {
  const path = 'workspace/configs/my/run.py';
  const fs = workspaceWith({ 'configs/my/run.py': config("('circle', 'square')", 1) });
  const lines: string[] = [];
  const run = (workDir: string, resumeFrom?: string) =>
    train({
      configPath: path,
      fs,
      decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
      control: new RunControl(),
      workDir,
      resumeFrom,
      onEvent: (event) => void (event.name === 'run.logged' && lines.push(event.line)),
    });
  await run('w/a');
  await fs.writeFile(path, config("('square', 'circle')", 2));
  await run('w/b', 'w/a/epoch_1.pth');
  expect(lines.join('\n')).toContain('labels go by name: circle, square, as in w/a/epoch_1.pth');
  expect([...((await readCheckpoint(fs, 'w/b/epoch_2.pth')).meta.get('CLASSES') as string[])]).toEqual([
    'circle',
    'square',
  ]);
  await fs.writeFile(path, config("('square', 'triangle')", 2));
  await expect(run('w/c', 'w/a/epoch_1.pth')).rejects.toMatchObject({ code: 'checkpoint-classes-differ' });
}, 60_000);
