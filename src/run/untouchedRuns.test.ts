// A run's folder is changed by no other run that did not train, and what damage or other people left in it does no harm.

import { describe, expect, test } from 'vitest';
import { StorageError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { RunEvent } from '../contracts/runEvents.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { RunControl } from '../runner/runControl.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRunRecord } from './runRecord.ts';
import { workspaceWith } from './testing/shortRun.ts';
import { train, type TrainJob, type TrainResult } from './train.ts';

await testAdapter();

const WORK_DIR = 'work_dirs/short/run';
const CONFIGS = {
  // Two iterations an epoch.
  'configs/my/run.py': "_base_ = ['../learn/short_run.py']\ncheckpoint_config = dict(interval=1)\n",
  'configs/my/misfit.py':
    "_base_ = ['../learn/short_run.py']\nmodel = dict(bbox_head=dict(feat_channels=24))\n",
};

interface Tried {
  readonly events: RunEvent[];
  readonly log: string;
  readonly result: TrainResult | null;
  readonly error: unknown;
}

async function tryTraining(fs: FileSystem, config: string, job: Partial<TrainJob> = {}): Promise<Tried> {
  const events: RunEvent[] = [];
  let result: TrainResult | null = null;
  let error: unknown = null;
  try {
    result = await train({
      configPath: `workspace/configs/my/${config}`,
      workDir: WORK_DIR,
      fs,
      decodeImage: () => Promise.reject(new Error('shapes are drawn, not decoded')),
      control: new RunControl(),
      ...job,
      onEvent: (event) => {
        events.push(event);
        job.onEvent?.(event);
      },
    });
  } catch (cause) {
    error = cause;
  }
  const log = events.map((event) => (event.name === 'run.logged' ? event.line : '')).join('\n');
  return { events, log, result, error };
}

/** Every file of the work dir with its content and time. */
async function snapshot(fs: FileSystem): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, kind } of await fs.list(WORK_DIR))
    if (kind === 'file') {
      const path = `${WORK_DIR}/${name}`;
      found[name] =
        `${(await fs.stat(path))?.modifiedMs} ${Buffer.from(await fs.readFile(path)).toString('latin1')}`;
    }
  return found;
}

const finished = new Map<string, Promise<FileSystem>>();

/** A workspace of one's own with a finished run of the config with these lines at its end; it is trained once. */
async function finishedRun(lines = ''): Promise<FileSystem> {
  const run = finished.get(lines) ?? trainToTheEnd(lines);
  finished.set(lines, run);
  return copyOf(await run);
}

async function trainToTheEnd(lines: string): Promise<FileSystem> {
  const fs = workspaceWith({ ...CONFIGS, 'configs/my/run.py': CONFIGS['configs/my/run.py'] + lines });
  const { error } = await tryTraining(fs, 'run.py');
  expect(error).toBeNull();
  expect((await readRunRecord(fs, WORK_DIR))?.status).toBe('finished');
  return fs;
}

/** Its files and links, in another memory file system. */
async function copyOf(fs: FileSystem): Promise<FileSystem> {
  const copy = createMemoryFs();
  const copyFolder = async (folder: string): Promise<void> => {
    for (const { name, kind } of await fs.list(folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const target = (await fs.readLink?.(path)) ?? null;
      if (kind === 'directory') await copyFolder(path);
      else if (target !== null) await copy.link?.(target, path);
      else await copy.writeFile(path, await fs.readFile(path));
    }
  };
  await copyFolder('');
  return copy;
}

describe("a finished run's folder", () => {
  test.each([
    ['does not fit its checkpoint', 'misfit.py', 'epoch_2.pth'],
    ['resumes from a file that is not there', 'run.py', 'epoch_77.pth'],
    ['has nothing left to train', 'run.py', 'epoch_2.pth'],
  ])('stays as it was when a run that %s begins in it', async (_, config, name) => {
    const fs = await finishedRun('runner = dict(max_epochs=2)\n');
    const before = await snapshot(fs);
    await tryTraining(fs, config, { resumeFrom: `${WORK_DIR}/${name}` });
    const after = await snapshot(fs);
    expect(Object.fromEntries(Object.entries(after).filter(([file]) => file in before))).toEqual(before);
    expect((await readRunRecord(fs, WORK_DIR))?.status).toBe('finished');
  });

  test("becomes the new run's with its first iteration, with all of its log", async () => {
    const fs = await finishedRun('runner = dict(max_epochs=2)\n');
    const statuses: (string | undefined)[] = [];
    const pending: Promise<unknown>[] = [];
    const { error } = await tryTraining(fs, 'run.py', {
      resumeFrom: `${WORK_DIR}/epoch_1.pth`,
      onEvent: (event) => {
        if (event.name === 'run.started' || event.name === 'run.checkpointed')
          pending.push(readRunRecord(fs, WORK_DIR).then((record) => statuses.push(record?.status)));
      },
    });
    await Promise.all(pending);
    expect(error).toBeNull();
    expect(statuses).toEqual(['finished', 'running']);
    const logs = (await fs.list(WORK_DIR)).filter(({ name }) => name.endsWith('.log'));
    const text = await fs.readText(`${WORK_DIR}/${logs.at(-1)?.name}`);
    expect(text).toContain('resumed epoch 1');
    expect(text).toContain('Set random seed');
  });
});

test('a run that fails in a folder of its own leaves its log and its record', async () => {
  const fs = workspaceWith({
    'configs/my/bad.py': "_base_ = ['../learn/short_run.py']\nmodel = dict(backbone=dict(depth=19))\n",
  });
  const { error } = await tryTraining(fs, 'bad.py');
  expect(error).not.toBeNull();
  expect(await readRunRecord(fs, WORK_DIR)).toMatchObject({ status: 'failed' });
  expect((await fs.list(WORK_DIR)).some(({ name }) => name.endsWith('.log'))).toBe(true);
});

describe('auto_resume', () => {
  test.each([0, 1, 30, 700, 5000, -1, -22, -100, -4000])(
    'goes back to the newest whole checkpoint when the last one ends at byte %i',
    async (end) => {
      const fs = await finishedRun('runner = dict(max_epochs=3)\n');
      const path = `${WORK_DIR}/epoch_3.pth`;
      await fs.writeFile(path, (await fs.readFile(path)).slice(0, end));
      const { log, error } = await tryTraining(fs, 'run.py', { autoResume: true });
      expect(error).toBeNull();
      expect(log).toContain(`${path} can't be gone on from`);
      expect(log).toContain(`auto_resume: going on from ${WORK_DIR}/epoch_2.pth`);
      expect(log).toContain('resumed epoch 2');
    },
    60_000,
  );

  test('with no whole checkpoint the run fails, and the record stays', async () => {
    const fs = await finishedRun();
    for (const { name } of await fs.list(WORK_DIR))
      if (name.endsWith('.pth')) await fs.writeFile(`${WORK_DIR}/${name}`, 'PK');
    const before = await snapshot(fs);
    const { error } = await tryTraining(fs, 'run.py', { autoResume: true });
    expect(error).toMatchObject({ name: 'CheckpointError' });
    expect(await snapshot(fs)).toEqual(before);
  });
});

test('a second run in one work dir is refused with the name of the first', async () => {
  const fs = workspaceWith(CONFIGS);
  const locks = createMemoryLocks();
  const second: Promise<Tried>[] = [];
  const first = await tryTraining(fs, 'run.py', {
    locks,
    host: 'me@lab-3',
    onEvent: (event) => {
      if (event.name === 'run.started') second.push(tryTraining(fs, 'run.py', { locks }));
    },
  });
  expect(first.error).toBeNull();
  expect((await second[0])?.error).toMatchObject({
    code: 'work-dir-busy',
    message: expect.stringContaining('training of run by me@lab-3') as string,
  });
  expect((await tryTraining(fs, 'run.py', { locks })).error).toBeNull();
});

test('what killed runs left half-written goes when the folder is next used', async () => {
  const fs = workspaceWith(CONFIGS);
  await fs.writeFile(`${WORK_DIR}/.epoch_7.pth.partial`, 'half');
  await tryTraining(fs, 'run.py');
  expect(await fs.stat(`${WORK_DIR}/.epoch_7.pth.partial`)).toBeNull();
});

describe('a work dir that others change', () => {
  test('deleted while the run goes on: the next save is an error, and the folder does not come back', async () => {
    const fs = workspaceWith(CONFIGS);
    let gone: Promise<void> | null = null;
    const { error } = await tryTraining(fs, 'run.py', {
      onEvent: (event) => {
        if (event.name === 'run.progressed') gone ??= fs.remove(WORK_DIR);
      },
    });
    expect(error).toMatchObject({ code: 'work-dir-gone', isInputError: false });
    expect(await fs.stat(`${WORK_DIR}/run.json`)).toBeNull();
  });

  test('a folder called epoch_1.pth is no place for a checkpoint, and stays', async () => {
    const fs = createNodeFs(mkdtempSync(join(tmpdir(), 'tabtrain-workdir-')));
    const seed = workspaceWith(CONFIGS);
    for (const path of ['configs/_base_/default_runtime.py', 'configs/shapes/retinanet_tiny_shapes.py'])
      await fs.writeFile(`workspace/${path}`, await seed.readFile(`workspace/${path}`));
    for (const path of ['configs/learn/short_run.py', 'configs/my/run.py'])
      await fs.writeFile(`workspace/${path}`, await seed.readFile(`workspace/${path}`));
    await fs.writeFile(`${WORK_DIR}/epoch_1.pth/mine.txt`, 'mine');
    const { error } = await tryTraining(fs, 'run.py');
    expect(error).toMatchObject({ code: 'not-a-file', path: `${WORK_DIR}/epoch_1.pth` });
    expect(await fs.readText(`${WORK_DIR}/epoch_1.pth/mine.txt`)).toBe('mine');
  });

  test('max_keep_ckpts deletes neither folders nor files of others', async () => {
    const fs = workspaceWith({
      'configs/my/run.py': `${CONFIGS['configs/my/run.py']}runner = dict(max_epochs=4)\ncheckpoint_config = dict(interval=1, max_keep_ckpts=1, filename_tmpl='e_{}.pth')\n`,
    });
    await fs.writeFile(`${WORK_DIR}/e_0.pth`, 'not within the count');
    let put: Promise<unknown> | null = null;
    const { error, log } = await tryTraining(fs, 'run.py', {
      onEvent: (event) => {
        // In place of the first checkpoint, once it is written.
        if (event.name === 'run.checkpointed')
          put ??= fs.remove(event.path).then(() => fs.writeFile(`${event.path}/mine.txt`, 'mine'));
      },
    });
    expect(error).toBeNull();
    expect(await fs.readText(`${WORK_DIR}/e_1.pth/mine.txt`)).toBe('mine');
    expect(log).toContain('e_1.pth would be deleted to make room for newer checkpoints, but it is a folder');
    expect((await fs.list(WORK_DIR)).map(({ name }) => name).filter((name) => name.startsWith('e_'))).toEqual(
      ['e_0.pth', 'e_1.pth', 'e_4.pth'],
    );
  });
});

describe('weights that are not finite', () => {
  const NAN =
    "runner = dict(max_epochs=5)\nlr_config = dict(policy='step', step=[2], gamma=1e30)\n" +
    'checkpoint_config = dict(interval=1, max_keep_ckpts=2)\noptimizer_config = dict(grad_clip=None)\n';
  const run = async (onInvalidLoss: TrainJob['onInvalidLoss']): Promise<Tried & { names: string[] }> => {
    const fs = workspaceWith({ 'configs/my/nan.py': CONFIGS['configs/my/run.py'] + NAN });
    const tried = await tryTraining(fs, 'nan.py', { onInvalidLoss });
    const names = (await fs.list(WORK_DIR)).map(({ name }) => name);
    return { ...tried, names: names.filter((name) => name.startsWith('epoch_')) };
  };

  test('never push out good checkpoints, and are told', async () => {
    const { error, log, names } = await run('go-on');
    expect(error).toBeNull();
    expect(names).toEqual(['epoch_1.pth', 'epoch_2.pth', 'epoch_5.pth']);
    expect(log).toContain('epoch_3.pth holds weights that are NaN or infinite');
  });

  test("end the run with 'stop'", async () => {
    const { error, names } = await run('stop');
    expect(error).toMatchObject({ name: 'RunError', code: 'invalid-loss', isInputError: false });
    expect(names).toEqual(expect.arrayContaining(['epoch_1.pth', 'epoch_2.pth']));
  });

  test('auto_resume goes back to finite ones', async () => {
    const fs = workspaceWith({ 'configs/my/nan.py': CONFIGS['configs/my/run.py'] + NAN });
    await tryTraining(fs, 'nan.py', { onInvalidLoss: 'go-on' });
    const { log } = await tryTraining(fs, 'nan.py', { onInvalidLoss: 'stop', autoResume: true });
    expect(log).toContain(`auto_resume: going on from ${WORK_DIR}/epoch_2.pth`);
  });
});

test('a storage that refuses a checkpoint pauses an attended run; Resume tries again and nothing is lost', async () => {
  const fs = workspaceWith(CONFIGS);
  let refusals = 0;
  const full: FileSystem = {
    ...bound(fs),
    createWriter: async (path: string) => {
      if (path.endsWith('.partial') && refusals++ < 2)
        throw new StorageError('storage is full', {
          code: 'storage-full',
        });
      return fs.createWriter(path);
    },
  };
  const control = new RunControl({ isAttended: true });
  const phases: string[] = [];
  const { error, events } = await tryTraining(full, 'run.py', {
    control,
    onEvent: (event) => {
      if (event.name !== 'run.phaseChanged') return;
      phases.push(event.phase);
      if (event.phase === 'paused') setTimeout(() => control.resume(), 5);
    },
  });
  expect(error).toBeNull();
  expect(phases.filter((phase) => phase === 'paused')).toHaveLength(2);
  expect(
    events.filter((event) => event.name === 'run.noticed' && event.code === 'storage-full'),
  ).toHaveLength(2);
  const saved = events.flatMap((event) => (event.name === 'run.checkpointed' ? [event.path] : []));
  expect(saved).toEqual([1, 2, 3, 4].map((epoch) => `${WORK_DIR}/epoch_${epoch}.pth`));
});

test('a run is called paused once it waits: nothing is said until Resume, whenever the pause came', async () => {
  const control = new RunControl({ isAttended: true });
  control.pause();
  const said: string[] = [];
  const { error } = await tryTraining(workspaceWith(CONFIGS), 'run.py', {
    control,
    onEvent: (event) => {
      said.push(event.name === 'run.phaseChanged' ? event.phase : event.name);
      // In the middle of an iteration, whose line of the log follows.
      if (event.name === 'run.progressed' && event.iter === 1) control.pause();
      if (event.name === 'run.phaseChanged' && event.phase === 'paused')
        setTimeout(() => {
          said.push('Resume');
          control.resume();
        }, 300);
    },
  });
  expect(error).toBeNull();
  const paused = said.flatMap((name, i) => (name === 'paused' ? [said.slice(i, i + 3)] : []));
  expect(paused).toEqual([
    ['paused', 'Resume', 'preparing'],
    ['paused', 'Resume', 'running'],
  ]);
});

function bound(fs: FileSystem): FileSystem {
  return {
    readFile: (path) => fs.readFile(path),
    readText: (path) => fs.readText(path),
    readRange: (path, start, end) => fs.readRange(path, start, end),
    stat: (path) => fs.stat(path),
    list: (path) => fs.list(path),
    makeDir: (path) => fs.makeDir(path),
    writeFile: (path, data) => fs.writeFile(path, data),
    appendFile: (path, data) => fs.appendFile(path, data),
    createWriter: (path) => fs.createWriter(path),
    rename: (from, to) => fs.rename(from, to),
    remove: (path) => fs.remove(path),
  };
}
