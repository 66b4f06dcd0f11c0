// hook_order.json, the kinds about files: which checkpoints are there after each step, and what is in them.

import { readCheckpoint } from '../../src/runner/checkpoint.ts';
import type { BaseRunner } from '../../src/runner/baseRunner.ts';
import { CheckpointHook } from '../../src/runner/hooks/checkpoint.ts';
import type { Hook } from '../../src/runner/hooks/hook.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import type { FileSystem } from '../../src/contracts/fileSystem.ts';
import {
  allOf,
  compare,
  makeContext,
  makeRig,
  recordingHook,
  registerEvaluation,
  type Rig,
  type RunCase,
} from './hookOrderRig.ts';
import { passed, type ParityOutcome } from './types.ts';

/** Call `look` behind every other hook, after each epoch or iteration. */
function watch(rig: Rig, byEpoch: boolean, look: (runner: BaseRunner) => Promise<void>): void {
  const hook = recordingHook('files', [], []);
  Object.assign(hook, { [byEpoch ? 'afterTrainEpoch' : 'afterTrainIter']: look });
  rig.runner.registerHook(hook, 'LOWEST');
}

export async function runSaveBest(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  const { at, hook } = registerEvaluation(rig, one);
  const filesAfter: unknown[] = [];
  watch(rig, hook.byEpoch, async ({ epoch, iter, fs }) => {
    const names = (await fs.list('exp')).map(({ name }) => name).filter((name) => name.endsWith('.pth'));
    filesAfter.push([epoch, iter, names]);
  });
  await rig.run();
  const { out = {} } = one;
  const messages = rig.runner.meta.hook_msgs ?? {};
  const wanted = out.hook_msgs as Record<string, unknown>;
  const best = messages.best_ckpt;
  const state = hook.stateDict();
  return allOf(
    compare('evaluations_at', at, out.evaluations_at),
    compare('files_after', filesAfter, out.files_after),
    compare(
      'best',
      [messages.best_score, typeof best === 'string' ? best.split('/').at(-1) : best],
      [wanted.best_score, wanted.best_ckpt],
    ),
    compare('rule', [state.best_rule, state.best_key], [out.rule, out.key_indicator]),
  );
}

interface Content {
  readonly top_keys: readonly string[];
  readonly meta_keys: readonly string[];
  readonly epoch: number;
  readonly iter: number;
  readonly hook_msgs: Readonly<Record<string, unknown>>;
}

export async function runCheckpoint(one: RunCase): Promise<ParityOutcome> {
  const rig = makeRig(one);
  const config = one.checkpoint_config as Record<string, unknown>;
  const unit = rig.runner instanceof IterBasedRunner ? { by_epoch: false } : {};
  const hook = makeContext(rig).build<Hook>('HOOKS', config, 'checkpoint_config', {
    type: 'CheckpointHook',
    ...unit,
  });
  rig.runner.registerHook(hook, 'NORMAL');
  const byEpoch = hook instanceof CheckpointHook && hook.byEpoch;
  const changes: unknown[] = [];
  let last = '';
  watch(rig, byEpoch, async ({ epoch, iter, fs }) => {
    const files = await checkpointFiles(fs);
    const text = JSON.stringify(files);
    if (text === last) return;
    last = text;
    changes.push([byEpoch ? 'after_train_epoch' : 'after_train_iter', epoch, iter, files]);
  });
  await rig.run();
  const { out = {} } = one;
  const wantedChanges = (out.files_when_changed as unknown[][]).map(([stage, epoch, iter, files]) => [
    stage,
    epoch,
    iter,
    sorted(files as Record<string, string>),
  ]);
  return allOf(
    compare('files_when_changed', changes, wantedChanges),
    compare('final', await checkpointFiles(rig.fs), sorted(out.final as Record<string, string>)),
    compare('last_ckpt', rig.runner.meta.hook_msgs?.last_ckpt ?? null, out.last_ckpt),
    await compareContents(rig.fs, out.contents as Record<string, Content>),
  );
}

/** Every `.pth`: `file`, or `-> name` for a link. */
async function checkpointFiles(fs: FileSystem, folder = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, kind } of await fs.list(folder)) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (kind === 'directory') Object.assign(found, await checkpointFiles(fs, path));
    else if (name.endsWith('.pth')) {
      const target = (await fs.readLink?.(path)) ?? null;
      found[path] = target === null ? 'file' : `-> ${target}`;
    }
  }
  return sorted(found);
}

function sorted(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function compareContents(
  fs: FileSystem,
  contents: Readonly<Record<string, Content>>,
): Promise<ParityOutcome> {
  for (const [path, wanted] of Object.entries(contents)) {
    const { meta, optimizer } = await readCheckpoint(fs, path);
    const messages = meta.get('hook_msgs');
    // Our own part of the meta is an addition that MMCV's loaders don't look at.
    const keys = [...meta.keys()].filter((key) => key !== 'tabtrain').sort();
    const topKeys = ['meta', 'state_dict', ...(optimizer === undefined ? [] : ['optimizer'])];
    const outcome = allOf(
      compare(`${path} keys`, topKeys, wanted.top_keys),
      compare(`${path} meta keys`, keys, wanted.meta_keys),
      compare(`${path} position`, [meta.get('epoch'), meta.get('iter')], [wanted.epoch, wanted.iter]),
      compare(
        `${path} hook_msgs`,
        messages instanceof Map ? Object.fromEntries(messages as Map<string, unknown>) : {},
        wanted.hook_msgs,
      ),
    );
    if (outcome.status !== 'passed') return outcome;
  }
  return passed;
}
