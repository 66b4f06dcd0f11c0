import { describe, expect, test } from 'vitest';
import { testAdapter } from '../../../gpu/testing/adapter.ts';
import { readByTheSpec } from '../../../serialization/tfevents/testing/independentReader.ts';
import { createMemoryFs } from '../../../storage/memoryFs.ts';
import type { FileSystem } from '../../../contracts/fileSystem.ts';
import type { PredictedImage } from '../../../contracts/runEvents.ts';
import { EvalHook } from '../evaluation.ts';
import type { HookState } from '../hook.ts';
import { drawPredictions } from './drawPredictions.ts';
import { DvcliveLoggerHook } from './dvclive.ts';
import { TensorboardLoggerHook } from './tensorboard.ts';
import { TextLoggerHook } from './text.ts';
import { filesBelow } from './filesBelow.ts';
import { makeContext, makeLoggedRun, type LoggedRun, type LoggedRunOptions } from './testing/loggedRun.ts';
import './unavailable.ts';
import { at, take } from '../../../util/at.ts';

await testAdapter();

const PICTURE: PredictedImage = {
  name: 'a.jpg',
  width: 12,
  height: 10,
  rgb: new Uint8Array(12 * 10 * 3).fill(7),
  detections: [
    { bbox: [1, 2, 8, 7], label: 1, score: 0.9 },
    { bbox: [0, 0, 11, 9], label: 0, score: 0.1 },
  ],
  groundTruth: [{ bbox: [-5, 1, 40, 8], label: 0, score: 1 }],
};

const evaluator = {
  length: 3,
  evaluate: () =>
    Promise.resolve({
      metrics: { bbox_mAP: 0.5, bbox_mAP_copypaste: '0.5 0.6' },
      perClass: [],
      predictions: [PICTURE],
    }),
};

/** A disk that refuses to write some files. */
function refusing(fs: FileSystem, isRefused: (path: string) => boolean): FileSystem {
  return new Proxy(fs, {
    get: (target, name: keyof FileSystem) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'appendFile' && name !== 'writeFile') return member.bind(target);
      return (path: string, data: Uint8Array) =>
        isRefused(path) ? Promise.reject(new Error('disk is full')) : target[name](path, data);
    },
  });
}

describe('TensorboardLoggerHook', () => {
  test('an independent reader finds scalars, texts and pictures at their steps', async () => {
    const hook = new TensorboardLoggerHook({ interval: 5 }, undefined, () => 1_700_000_000_250);
    const run = makeLoggedRun([hook]);
    run.runner.registerHook(new EvalHook(evaluator, {}, {}), 'LOW');
    await run.run();
    expect(hook.path).toBe('w/tf_logs/events.out.tfevents.1700000000.tabtrain.0.0');
    const events = readByTheSpec(await run.fs.readFile(String(hook.path)));
    expect(events[0]).toEqual({ wallTime: 1_700_000_000.25, step: 0n, fileVersion: 'brain.Event:2' });
    const tags = events.slice(1).map(({ tag, step }) => `${tag} ${step}`);
    const train = (step: number): string[] =>
      ['train/loss', 'train/acc', 'learning_rate', 'momentum'].map((tag) => `${tag} ${step}`);
    const val = (step: number): string[] =>
      ['predictions/a.jpg', 'val/eval_iter_num', 'val/bbox_mAP'].map((tag) => `${tag} ${step}`);
    const text = 'val/bbox_mAP_copypaste/text_summary';
    const after = (step: number): string[] => [
      `${text} ${step}`,
      `learning_rate ${step}`,
      `momentum ${step}`,
    ];
    expect(tags).toEqual([
      ...train(5),
      ...train(10),
      ...val(11),
      ...after(11),
      ...train(15),
      ...train(20),
      ...val(21),
      ...after(21),
    ]);
    const loss = (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5;
    expect(at(events, 1).simpleValue).toBe(Math.fround(loss));
    expect(events.find(({ tag }) => tag === text)?.tensor?.strings).toEqual(['0.5 0.6']);
    const image = events.find(({ tag }) => tag === 'predictions/a.jpg')?.image;
    expect(image).toMatchObject({ width: 12n, height: 10n, colorspace: 3n });
    expect(image?.png.slice(1, 4)).toEqual([...Buffer.from('PNG')]);
  });

  test('a second run in the same folder and second gets a file of its own', async () => {
    const fs = createMemoryFs();
    for (let i = 0; i < 2; i++)
      await makeLoggedRun([new TensorboardLoggerHook({ logDir: 'logs' }, undefined, () => 5000)], {
        fs,
      }).run();
    expect((await fs.list('logs')).map(({ name }) => name)).toEqual([
      'events.out.tfevents.0000000005.tabtrain.0.0',
      'events.out.tfevents.0000000005.tabtrain.0.1',
    ]);
  });

  test('a disk that fails in the middle is told once and stops nothing; what is written stays sound', async () => {
    const fs = createMemoryFs();
    let appends = 0;
    const hook = new TensorboardLoggerHook({ interval: 2 });
    const failing = refusing(fs, (path) => path.includes('tfevents') && ++appends > 3);
    const run = makeLoggedRun([hook], { fs: failing });
    await run.run();
    expect(run.runner.iter).toBe(20);
    expect(run.notices.map(({ code }) => code)).toEqual(['log-not-written']);
    expect(readByTheSpec(await fs.readFile(String(hook.path)))).toHaveLength(1 + 2 * 4);
  });

  test('pictures: frames stay inside, weak detections are left out, the pixels of the run are not touched', () => {
    const rgb = drawPredictions(PICTURE);
    expect(PICTURE.rgb.every((v) => v === 7)).toBe(true);
    const pixel = (x: number, y: number): number[] => [
      ...rgb.subarray((y * 12 + x) * 3, (y * 12 + x) * 3 + 3),
    ];
    expect(pixel(1, 4)).toEqual([60, 180, 75]);
    expect(pixel(0, 4)).toEqual([255, 255, 255]);
    expect(pixel(5, 0)).toEqual([7, 7, 7]);
    expect(pixel(4, 4)).toEqual([7, 7, 7]);
  });
});

describe('DvcliveLoggerHook', () => {
  test("writes DVCLive's tables and its summary", async () => {
    const run = makeLoggedRun([new DvcliveLoggerHook({ interval: 5 })]);
    run.runner.registerHook(new EvalHook(evaluator, { interval: 2 }, {}), 'LOW');
    await run.run();
    const folder = 'w/dvclive/plots/metrics';
    expect(await run.fs.readText(`${folder}/learning_rate.tsv`)).toBe(
      'step\tlearning_rate\n5\t0.1\n10\t0.1\n15\t0.1\n20\t0.1\n21\t0.1\n',
    );
    expect(await run.fs.readText(`${folder}/val/bbox_mAP.tsv`)).toBe('step\tbbox_mAP\n21\t0.5\n');
    const losses = (await run.fs.readText(`${folder}/train/loss.tsv`)).trim().split('\n');
    expect(losses).toHaveLength(5);
    expect(losses[1]).toBe(`5\t${(1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5}`);
    const summary = await run.fs.readText('w/dvclive/metrics.json');
    expect(summary.startsWith('{\n    "train": {\n        "loss": ')).toBe(true);
    expect(JSON.parse(summary)).toMatchObject({ step: 21, val: { bbox_mAP: 0.5 }, learning_rate: 0.1 });
  });

  test('a new run clears the folder; resume and a resumed run keep it', async () => {
    const path = 'd/plots/metrics/momentum.tsv';
    const runs: [boolean, number, number][] = [
      [false, 0, 3],
      [false, 0, 3],
      [true, 0, 5],
      [false, 10, 6],
    ];
    const fs = createMemoryFs();
    for (const [resume, iter, lines] of runs) {
      const run = makeLoggedRun([new DvcliveLoggerHook({ dir: 'd', resume })], { fs });
      run.runner.restorePosition({ epoch: iter / 10, iter, innerIter: 0 });
      await run.run();
      expect((await fs.readText(path)).trim().split('\n')).toHaveLength(lines);
    }
  });

  test('law: resumed after a kill, its files are those of the straight run', async () => {
    const folder = 'w/dvclive';
    const files = async (fs: FileSystem): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const name of await filesBelow(fs, folder, ''))
        found[name] = await fs.readText(`${folder}/${name}`);
      return found;
    };
    const withHook = (hook: DvcliveLoggerHook, options: LoggedRunOptions): LoggedRun => {
      const run = makeLoggedRun([hook], options);
      run.runner.registerHook(new EvalHook(evaluator, { interval: 1 }, {}), 'LOW');
      return run;
    };
    const straight = withHook(new DvcliveLoggerHook({ interval: 3 }), {});
    await straight.run();
    const wanted = await files(straight.fs);
    expect(Object.keys(wanted)).toHaveLength(7);

    // Before the first record, in the middle of an epoch, behind the first evaluation.
    for (const savedAt of [0, 6, 10]) {
      const fs = createMemoryFs();
      const killed = new DvcliveLoggerHook({ interval: 3 });
      let state: HookState = {};
      const before = (iter: number): void => {
        if (iter === savedAt) state = killed.stateDict();
        if (iter === 17) throw new Error('SIGKILL');
      };
      await expect(withHook(killed, { fs, before }).run()).rejects.toThrow('SIGKILL');
      const hook = new DvcliveLoggerHook({ interval: 3 });
      hook.loadStateDict(state);
      await withHook(hook, { fs, startIter: savedAt }).run();
      expect(await files(fs)).toEqual(wanted);
    }
  });

  test('with resume it goes on with the summary that it finds', async () => {
    const fs = createMemoryFs({
      'd/metrics.json': '{\n    "old": {\n        "a": 3,\n        "b": NaN\n    }\n}',
    });
    await makeLoggedRun([new DvcliveLoggerHook({ dir: 'd', resume: true, interval: 10 })], { fs }).run();
    const text = await fs.readText('d/metrics.json');
    expect(text).toContain('"b": NaN');
    expect(JSON.parse(text.replace('NaN', '0'))).toMatchObject({ old: { a: 3 }, step: 20 });
  });

  test('a disk that fails is told once and ends nothing', async () => {
    const run = makeLoggedRun([new DvcliveLoggerHook({ interval: 2 })], {
      fs: refusing(createMemoryFs(), (path) => path.includes('dvclive')),
    });
    await run.run();
    expect(run.runner.iter).toBe(20);
    expect(run.notices.map(({ message }) => message)).toEqual([
      "DVCLive's files can't be written: disk is full",
    ]);
  });

  test('what only its own library can do is said once', () => {
    const warned: string[] = [];
    const context = makeContext({ warn: (message) => void warned.push(message) });
    const cfg = { type: 'DvcliveLoggerHook', save_dvc_exp: true, report: null, monitor_system: true };
    context.build('HOOKS', cfg, 'log_config.hooks[0]');
    expect(warned).toEqual(['DvcliveLoggerHook: no effect here: save_dvc_exp, monitor_system']);
  });
});

describe('TextLoggerHook', () => {
  test('numbers are rounded as Python rounds them: a tie goes to the even digit', async () => {
    const run = makeLoggedRun([new TextLoggerHook({ interval: 1 })], { maxEpochs: 1, length: 1 });
    // 1/64 and 1/32 lie halfway between two of the decimals that are shown.
    const [group] = take(run.runner.optimizer?.paramGroups ?? [], 1);
    group.lr = 0.015625;
    const metrics = { mAP: 0.03125, worst: -Infinity, none: NaN };
    const evaluate = () => Promise.resolve({ metrics, perClass: [], predictions: [] });
    run.runner.registerHook(new EvalHook({ length: 1, evaluate }, {}, {}), 'LOW');
    await run.run();
    expect(run.lines.find((line) => line.includes('Epoch [1][1/1]'))).toContain('lr: 1.562e-02, ');
    expect(run.lines.find((line) => line.includes('Epoch(val)'))).toContain(
      'mAP: 0.0312, worst: -inf, none: nan',
    );
  });

  test('a disk that refuses the JSON log, or the copies, is told once and ends nothing', async () => {
    const fs = createMemoryFs();
    const run = makeLoggedRun([new TextLoggerHook({ interval: 2, outDir: 'out' })], {
      fs: refusing(fs, (path) => path.endsWith('.log.json') || path.startsWith('out/')),
    });
    await run.run();
    expect(run.runner.iter).toBe(20);
    expect(run.notices.map(({ message }) => message)).toEqual([
      "the JSON log can't be written: disk is full",
      "the copies of the logs in out/w can't be written: disk is full",
    ]);
    expect(run.lines.filter((line) => line.includes('Epoch ['))).toHaveLength(10);
  });
});

test.each([
  'PaviLoggerHook',
  'NeptuneLoggerHook',
  'SegmindLoggerHook',
  'ClearMLLoggerHook',
  'MMDetWandbHook',
])('%s is refused at its place, with what to use instead', (type) => {
  expect(() => makeContext().build('HOOKS', { type, interval: 5 }, 'log_config.hooks[1]')).toThrow(
    expect.objectContaining({
      name: 'ConfigError',
      code: 'unsupported',
      path: 'log_config.hooks[1]',
      hint: expect.stringContaining('use ') as string,
    }),
  );
});
