#!/usr/bin/env node
// Exact resume, from the outside: train from the command line, SIGKILL at random iterations, go on with --auto-resume,
// and compare with a run that was never stopped: every tensor of the last checkpoint and every record of the log.
//
//   node scripts/killResume.mjs [--kills 5] [--seed 1] [--dir /tmp/killResume] [--only sgd]
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const CLI = join(ROOT, 'bin/tabtrain.mjs');

const BASE = `_base_ = ['${ROOT}/configs/shapes/retinanet_tiny_shapes.py']
data = dict(samples_per_gpu=2, train=dict(num_images=10), val=dict(num_images=4))
evaluation = dict(interval=1, metric='bbox', save_best='auto')
model = dict(test_cfg=dict(score_thr=0.0, max_per_img=20))
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
`;

/** Name, config, iterations of the whole run. */
const CASES = [
  [
    'sgd',
    `${BASE}# SGD + EMA + cyclic, checkpoints by epoch, best score, early stopping, val epochs
optimizer = dict(_delete_=True, type='SGD', lr=0.005, momentum=0.9, weight_decay=0.0001)
lr_config = dict(_delete_=True, policy='cyclic', target_ratio=(10, 1e-4), cyclic_times=1, step_ratio_up=0.4)
momentum_config = dict(policy='cyclic', target_ratio=(0.85 / 0.95, 1), cyclic_times=1, step_ratio_up=0.4)
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    dict(type='EarlyStoppingHook', monitor='bbox_mAP', patience=9)]
runner = dict(type='EpochBasedRunner', max_epochs=5)
workflow = [('train', 2), ('val', 1)]
fp16 = dict(loss_scale=dict(init_scale=1024., growth_interval=4))
`,
    25,
  ],
  [
    'adamw',
    `${BASE}# AdamW + cosine + accumulation, checkpoints every 3 iterations
optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=4)
runner = dict(_delete_=True, type='IterBasedRunner', max_iters=25)
checkpoint_config = dict(interval=3)
evaluation = dict(interval=10)
`,
    25,
  ],
];

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 100000) },
    dir: { type: 'string', default: '/tmp/killResume' },
    only: { type: 'string' },
  },
});

/** Mulberry32: the kills repeat with the seed. */
let state = Number(options.seed);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** Run the CLI; with `killAfter` kill it as soon as so many training records are out. @returns lines, and whether it was killed */
function tabtrain(args, cwd, killAfter = Infinity, delayMs = 0) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let errors = '';
    let isKilled = false;
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const records = text.match(/(Epoch \[\d+\]\[|Iter \[)/g)?.length ?? 0;
      if (records < killAfter || isKilled) return;
      isKilled = true;
      setTimeout(() => child.kill('SIGKILL'), delayMs);
    });
    child.stderr.on('data', (chunk) => (errors += chunk));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (!isKilled && code !== 0)
        reject(new Error(`tabtrain ${args.join(' ')} ended with ${code}:\n${errors}`));
      else resolve({ text, isKilled });
    });
  });
}

const lastCheckpoint = (dir) =>
  readdirSync(dir)
    .filter((name) => /^(epoch|iter)_\d+\.pth$/.test(name))
    .sort((a, b) => Number(b.match(/\d+/)[0]) - Number(a.match(/\d+/)[0]))[0];

async function tensorsOf(path, cwd) {
  const { text } = await tabtrain(['inspect', path, '--json'], cwd);
  const { entries, tensors, ...rest } = JSON.parse(text);
  return JSON.stringify(entries ?? tensors ?? rest);
}

/** Records by place; a place that was reached twice counts with its last record. Times are no part of them. */
function recordsOf(dir) {
  const records = new Map();
  for (const name of readdirSync(dir)
    .filter((file) => file.endsWith('.log.json'))
    .sort())
    for (const line of readFileSync(join(dir, name), 'utf8').trim().split('\n').slice(1)) {
      const { time, data_time, ...record } = JSON.parse(line.replaceAll(/\bNaN\b/g, 'null'));
      void time;
      void data_time;
      const kind = record.mode === 'val' && 'loss' in record ? 'val losses' : record.mode;
      records.set(`${kind} ${record.epoch} ${record.iter}`, JSON.stringify(record));
    }
  return new Map([...records].sort(([a], [b]) => (a < b ? -1 : 1)));
}

let failures = 0;
console.log(`seed ${options.seed}`);
for (const [name, config, iters] of CASES) {
  if (options.only && options.only !== name) continue;
  const cwd = join(options.dir, name);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, 'config.py'), config);
  await tabtrain(['train', 'config.py', '--work-dir', 'straight'], cwd);
  const last = lastCheckpoint(join(cwd, 'straight'));
  const wanted = await tensorsOf(`straight/${last}`, cwd);
  const wantedRecords = recordsOf(join(cwd, 'straight'));
  for (let n = 0; n < Number(options.kills); n++) {
    const dir = `killed${n}`;
    const at = 1 + Math.floor(random() * (iters - 1));
    const delay = Math.floor(random() * 300);
    const { isKilled } = await tabtrain(['train', 'config.py', '--work-dir', dir], cwd, at, delay);
    const saved = lastCheckpoint(join(cwd, dir));
    const { text } = await tabtrain(['train', 'config.py', '--work-dir', dir, '--auto-resume'], cwd);
    const resumed = /resumed (from )?epoch:? \d+, iter \d+/.exec(text)?.[0];
    const from = resumed ?? 'began anew';
    const problems = [];
    if (saved && !resumed) problems.push(`${saved} was not resumed`);
    if ((await tensorsOf(`${dir}/${last}`, cwd)) !== wanted) problems.push(`tensors of ${last} differ`);
    const records = recordsOf(join(cwd, dir));
    for (const [place, record] of wantedRecords)
      if (records.get(place) !== record)
        problems.push(`${place}: got ${records.get(place)}, wanted ${record}`);
    failures += problems.length > 0 ? 1 : 0;
    const how = isKilled ? `killed ${delay} ms behind record ${at}` : 'was too fast to be killed';
    console.log(
      `${name} ${n}: ${how}, ${from}: ${problems.length === 0 ? 'the same bits' : problems.slice(0, 3).join('; ')}`,
    );
  }
}
console.log(failures === 0 ? 'all the same' : `${failures} differ`);
process.exitCode = failures === 0 ? 0 : 1;
