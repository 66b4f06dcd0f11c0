// A module that never comes to an end, where nobody could end its thread (Node): plan and run end with its line. Stop is
// heard while a run is prepared.

import { expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { planRun } from '../plan/plan.ts';
import { RunControl } from '../runner/runControl.ts';
import { train } from './train.ts';
import { workspaceWith } from './testing/shortRun.ts';

await testAdapter();

const CONFIG_PATH = 'workspace/configs/learn/hangs.py';

function job(hookBody: string, top = '') {
  const config = `_base_ = './short_run.py'
custom_imports = dict(imports=['part'])
custom_hooks = [dict(type='Part')]
`;
  const module = `import { Hook, HOOKS } from 'mmcv.runner';
${top}
@HOOKS.registerModule()
export class Part extends Hook {
${hookBody}
}
`;
  return {
    configPath: CONFIG_PATH,
    fs: workspaceWith({ 'configs/learn/hangs.py': config, 'part.ts': module }),
    decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
  };
}

test.each([
  ['at import', '', 'for (;;) {}', 2],
  ['in a constructor', '  constructor() {\n    super();\n    while (true) {}\n  }', '', 7],
])(
  'planning ends with the line of a loop %s',
  async (_, body, top, line) => {
    const start = performance.now();
    const { problems } = await planRun(job(body, top));
    expect(problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'endless-loop', span: { file: 'workspace/part.ts', line } },
    ]);
    expect(performance.now() - start).toBeLessThan(10_000);
  },
  30_000,
);

test('a run ends with the line of a hook that hangs', async () => {
  const events: RunEvent[] = [];
  const run = train({
    ...job('  override afterTrainIter(): void {\n    while (true) {}\n  }'),
    control: new RunControl(),
    onEvent: (event) => events.push(event),
  });
  await expect(run).rejects.toMatchObject({
    code: 'endless-loop',
    span: { file: 'workspace/part.ts', line: 6, column: 5 },
  });
  expect(events.at(-1)).toMatchObject({ name: 'run.phaseChanged', phase: 'failed' });
}, 60_000);

test('Stop while a run is prepared ends it before anything is trained; Pause holds it there', async () => {
  const control = new RunControl();
  const events: RunEvent[] = [];
  control.pause();
  const { fs, ...rest } = job('');
  const run = train({ ...rest, fs, control, onEvent: (event) => events.push(event) });
  await new Promise((done) => setTimeout(done, 500));
  expect(events.some(({ name }) => name === 'run.started')).toBe(false);
  control.stop();
  expect(await run).toMatchObject({ end: 'stopped' });
  expect(events.flatMap((event) => (event.name === 'run.phaseChanged' ? [event.phase] : []))).toEqual([
    'preparing',
    'paused',
    'stopping',
    'stopped',
  ]);
  // Nothing of it stands among the runs.
  expect(await fs.stat('work_dirs')).toBeNull();
});
