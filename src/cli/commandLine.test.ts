// The real command line in processes of its own: signals, closed output, and paths above the working folder.

import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { shipped } from '../run/testing/shortRun.ts';

const BIN = fileURLToPath(new URL('../../bin/tabtrain.mjs', import.meta.url));
const LIMIT_MS = 120_000;
/** A stack trace; Dawn's warnings have none. */
const STACK = /Error|\n\s+at /;

function folderWith(config: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-cli-'));
  for (const path of [
    'configs/_base_/default_runtime.py',
    'configs/shapes/retinanet_tiny_shapes.py',
    'configs/learn/short_run.py',
  ]) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), shipped(path));
  }
  writeFileSync(join(folder, 'configs/learn/mine.py'), `_base_ = ['./short_run.py']\n${config}`);
  return folder;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param onLine is called with each piece of stdout */
async function tabtrain(
  cwd: string,
  words: readonly string[],
  options: { onOutput?: (text: string, child: ChildProcess) => void; stdout?: number } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...words], {
    cwd,
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data.toString();
    options.onOutput?.(data.toString(), child);
  });
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) =>
    child.once('close', (status) => resolve(status)),
  );
  return { code, stdout, stderr };
}

const record = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, 'w/run.json'), 'utf8')) as Record<string, unknown>;
const checkpoints = (folder: string): string[] =>
  readdirSync(join(folder, 'w')).filter((name) => /^(iter|epoch)_\d+\.pth$/.test(name));

const TRAIN = ['train', 'configs/learn/mine.py', '--work-dir', 'w'];
const LONG = 'runner = dict(max_epochs=5000)\n';

describe('tabtrain train', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    '%s: a checkpoint is saved, and the exit code is %i',
    async (signal, code) => {
      const folder = folderWith(LONG);
      let isSent = false;
      const ended = await tabtrain(folder, TRAIN, {
        onOutput: (text, child) => {
          if (isSent || !text.includes('Epoch [2]')) return;
          isSent = true;
          child.kill(signal);
        },
      });
      expect(ended).toMatchObject({ code });
      expect(record(folder).status).toBe('stopped');
      expect(checkpoints(folder)).toHaveLength(1);
    },
    LIMIT_MS,
  );

  test(
    'a reader that goes (`| head -1`) ends nothing',
    async () => {
      const folder = folderWith('checkpoint_config = dict(interval=2)\n');
      const ended = await tabtrain(folder, TRAIN, { onOutput: (_, child) => void child.stdout?.destroy() });
      expect(ended.code).toBe(0);
      expect(ended.stderr).not.toMatch(STACK);
      expect(record(folder).status).toBe('finished');
      expect(checkpoints(folder)).toContain('epoch_4.pth');
    },
    LIMIT_MS,
  );

  test.runIf(existsSync('/dev/full'))(
    'a full disk behind stdout ends no training, and is told by the exit code',
    async () => {
      const folder = folderWith('');
      const full = openSync('/dev/full', 'w');
      const ended = await tabtrain(folder, TRAIN, { stdout: full });
      closeSync(full);
      expect(ended.code).toBe(1);
      expect(ended.stderr).not.toMatch(STACK);
      expect(record(folder).status).toBe('finished');
    },
    LIMIT_MS,
  );

  test(
    'a second run in the work dir is refused with the process of the first',
    async () => {
      const folder = folderWith(LONG);
      let second: Promise<Ended> | null = null;
      let first: ChildProcess | null = null;
      await tabtrain(folder, TRAIN, {
        onOutput: (text, child) => {
          if (second || !text.includes('Epoch [1]')) return;
          first = child;
          second = tabtrain(folder, TRAIN).finally(() => child.kill('SIGTERM'));
        },
      });
      const { code, stderr } = await (second ?? Promise.reject(new Error('the first run did not begin')));
      expect(code).toBe(2);
      expect(stderr).toContain(`process ${(first as ChildProcess | null)?.pid} on `);
      expect(record(folder).status).toBe('stopped');
    },
    LIMIT_MS,
  );

  test(
    'weights that are not finite end the run with exit code 1, unless told to go on',
    async () => {
      const folder = folderWith('optimizer = dict(lr=1e30)\n');
      const stopped = await tabtrain(folder, TRAIN);
      expect(stopped.code).toBe(1);
      expect(stopped.stderr).toContain('losses must be finite');
      const on = await tabtrain(folder, [...TRAIN, '--on-invalid-loss', 'go-on']);
      expect(on.code).toBe(0);
    },
    LIMIT_MS,
  );
});

test(
  'a `_base_` above the working folder, and a config above it, are read',
  async () => {
    const folder = folderWith('x = 1\n');
    const inside = await tabtrain(join(folder, 'configs/learn'), ['print-config', 'short_run.py', '--json']);
    expect(inside).toMatchObject({ code: 0, stderr: '' });
    const above = await tabtrain(join(folder, 'configs/_base_'), [
      'print-config',
      '../learn/mine.py',
      '--json',
    ]);
    expect(above).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(above.stdout)).toMatchObject({ x: 1, model: { type: 'RetinaNet' } });
  },
  LIMIT_MS,
);
