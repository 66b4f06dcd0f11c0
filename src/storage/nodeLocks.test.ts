import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeEach, expect, test } from 'vitest';
import type { Held, Lock } from '../contracts/locks.ts';
import { heldBy } from '../contracts/locks.ts';
import { createMemoryLocks } from './memoryLocks.ts';
import { createNodeFs } from './nodeFs.ts';
import { createNodeLocks } from './nodeLocks.ts';
import { lockName } from './tempName.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tabtrain-locks-'));
});

const lockFile = (): string => join(root, 'data', lockName('a'));

/** Take `data/a` in a process of its own, which says so and then waits for its end. */
async function holder(): Promise<{ pid: number; kill: () => Promise<void>; said: string }> {
  const outfile = join(root, 'nodeLocks.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'nodeLocks.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  });
  const script = `
    const { createNodeLocks } = await import(${JSON.stringify(outfile)});
    const lock = await createNodeLocks(${JSON.stringify(root)}).tryAcquire('data/a', 'a test');
    console.log(lock.kind);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.stderr.once('data', (data: Buffer) => reject(new Error(data.toString())));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { pid: child.pid ?? 0, kill, said };
}

function asLock(lock: Lock | Held): Lock {
  if (lock.kind === 'held') throw new Error(`held by ${heldBy(lock)}`);
  return lock;
}

test.each([
  ['files', () => createNodeLocks(root)],
  ['memory', createMemoryLocks],
] as const)('one of many gets a lock, the others hear who has it: %s', async (_, create) => {
  const locks = create();
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, i) => locks.tryAcquire('data/a', `user ${i}`)),
  );
  const got = all.filter((one) => one.kind === 'lock');
  expect(got).toHaveLength(1);
  for (const other of all)
    if (other.kind === 'held') expect(other.owner).toBe(`user ${all.indexOf(got[0] ?? other)}`);
  expect((await locks.tryAcquire('data/b', '')).kind).toBe('lock');
  await got[0]?.release();
  await got[0]?.release();
  expect((await locks.tryAcquire('./data/a/', 'next')).kind).toBe('lock');
});

test('another process is waited for by nobody, and a killed one holds nothing', async () => {
  const other = await holder();
  expect(other.said).toBe('lock');
  const held = await createNodeLocks(root).tryAcquire('data/a', 'me');
  expect(held).toMatchObject({
    kind: 'held',
    owner: 'a test',
    place: `process ${other.pid} on ${hostname()}`,
  });
  await other.kill();
  expect(readFileSync(lockFile(), 'utf8')).toContain('a test');
  const all = await Promise.all(
    Array.from({ length: 10 }, () => createNodeLocks(root).tryAcquire('data/a', 'me')),
  );
  expect(all.filter((one) => one.kind === 'lock')).toHaveLength(1);
});

test('the process id of a holder that is gone may be in use again', async () => {
  const lock = asLock(await createNodeLocks(root).tryAcquire('data/a', 'me'));
  const text = JSON.parse(readFileSync(lockFile(), 'utf8')) as Record<string, unknown>;
  await lock.release();
  expect(readdirSync(join(root, 'data'))).toEqual([]);
  // Ours, from before a restart; and process 1, which began at another time.
  for (const stale of [{ token: 'other' }, ...(text.began === '' ? [] : [{ pid: 1, began: 'boot-1' }])]) {
    writeFileSync(lockFile(), JSON.stringify({ ...text, ...stale }));
    await asLock(await createNodeLocks(root).tryAcquire('data/a', 'me')).release();
  }
});

test('a lock of another host is stale once it is not renewed', async () => {
  const text = { pid: 7, host: 'elsewhere', began: '', owner: 'import of a', sinceMs: 0, token: 't' };
  const locks = createNodeLocks(root);
  await createNodeFs(root).makeDir('data');
  writeFileSync(lockFile(), JSON.stringify(text));
  expect(await locks.tryAcquire('data/a', 'me')).toMatchObject({ place: 'process 7 on elsewhere' });
  const old = new Date(Date.now() - 10 * 60_000);
  utimesSync(lockFile(), old, old);
  expect((await locks.tryAcquire('data/a', 'me')).kind).toBe('lock');
});

test('lock files are not listed, and a place that refuses them is told', async () => {
  asLock(await createNodeLocks(root).tryAcquire('data/a', 'me'));
  expect(await createNodeFs(root).list('data')).toEqual([]);
  await expect(createNodeLocks('/proc').tryAcquire('nope/a', 'me')).rejects.toMatchObject({
    name: 'StorageError',
  });
});
