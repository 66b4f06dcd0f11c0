// Locks between processes: a file beside what is locked, with the process and the host of its holder. Node only.
// A lock is stale when its process is gone, or, on another host, when it hasn't been renewed for a while.

import { readFileSync, rmSync } from 'node:fs';
import * as fsp from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { Held, Lock, Locks } from '../contracts/locks.ts';
import { createNodeFs } from './nodeFs.ts';
import { beginningOf } from './nodeProcess.ts';
import { ioError } from './storageErrors.ts';
import { lockName } from './tempName.ts';

const RENEW_MS = 15_000;
/** Eight renewals missed: nobody is there. Holders on this host are asked for directly. */
const FOREIGN_STALE_MS = 8 * RENEW_MS;
/** A lock file without its text yet is being written. */
const UNWRITTEN_STALE_MS = 10_000;
const TAKE_OVER_TRIES = 5;

interface LockText {
  readonly pid: number;
  readonly host: string;
  /** When the process began, as its system counts; '' where it doesn't tell. Process ids are used again. */
  readonly began: string;
  readonly owner: string;
  readonly sinceMs: number;
  /** Tells this lock from all others. */
  readonly token: string;
}

/** Lock files of this process: they go with it, unless it is killed. */
const own = new Map<string, string>();
let isExitWatched = false;

/** @param rootDir what the names of locks are relative to; absolute names are taken as they are. */
export function createNodeLocks(rootDir: string): Locks {
  return {
    tryAcquire: async (name, owner) => {
      const target = resolve(rootDir, name);
      const file = join(dirname(target), lockName(basename(target)));
      await createNodeFs('/').makeDir(dirname(file));
      try {
        return await takeOrHolder(file, owner);
      } catch (error) {
        throw ioError(name, error);
      }
    },
  };
}

async function takeOrHolder(file: string, owner: string): Promise<Lock | Held> {
  for (let tries = 0; tries < TAKE_OVER_TRIES; tries++) {
    const lock = await take(file, owner);
    if (lock) return lock;
    const held = await holderOf(file);
    if (held !== 'stale') return held;
  }
  // Others take and leave it faster than we can.
  return { kind: 'held', owner: '', place: 'another process' };
}

/** Make the lock file, whole from its first moment. @returns undefined when there is one */
async function take(file: string, owner: string): Promise<Lock | undefined> {
  const token = `${process.pid}-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const text: LockText = {
    pid: process.pid,
    host: hostname(),
    began: beginningOf(process.pid),
    owner,
    sinceMs: Date.now(),
    token,
  };
  const temp = `${file}-${token}`;
  try {
    await fsp.writeFile(temp, JSON.stringify(text));
    try {
      await fsp.link(temp, file);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return undefined;
      // A file system without hard links.
      await fsp.writeFile(file, JSON.stringify(text), { flag: 'wx' });
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  } finally {
    await fsp.rm(temp, { force: true });
  }
  return keep(file, token);
}

function keep(file: string, token: string): Lock {
  own.set(file, token);
  watchExit();
  const timer = setInterval(() => {
    const now = new Date();
    fsp.utimes(file, now, now).catch(() => undefined);
  }, RENEW_MS);
  timer.unref();
  return {
    kind: 'lock',
    release: async () => {
      clearInterval(timer);
      if (own.get(file) !== token) return;
      own.delete(file);
      dropOwn(file, token);
    },
  };
}

/** Who has the lock. A stale one is put away first. */
async function holderOf(file: string): Promise<Held | 'stale'> {
  let text: LockText | undefined;
  let ageMs: number;
  try {
    text = parse(await fsp.readFile(file, 'utf8'));
    ageMs = Date.now() - (await fsp.stat(file)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'stale';
    throw error;
  }
  const isStale = text ? isGone(text, ageMs) : ageMs > UNWRITTEN_STALE_MS;
  if (isStale) {
    await putAway(file, text?.token);
    return 'stale';
  }
  if (!text) return { kind: 'held', owner: '', place: 'another process' };
  const place = text.pid === process.pid ? 'this process' : `process ${text.pid} on ${text.host}`;
  return { kind: 'held', owner: text.owner, place, sinceMs: text.sinceMs };
}

function isGone({ pid, host, began, token }: LockText, ageMs: number): boolean {
  if (host !== hostname()) return ageMs > FOREIGN_STALE_MS;
  // A process of this id before ours.
  if (pid === process.pid) return ![...own.values()].includes(token);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
  const now = beginningOf(pid);
  return began !== '' && now !== '' && began !== now;
}

/** Remove a stale lock, and nothing that another process has put in its place meanwhile. */
async function putAway(file: string, token: string | undefined): Promise<void> {
  const aside = `${file}-stale-${process.pid}-${Math.random().toString(36).slice(2)}`;
  try {
    await fsp.rename(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const found = parse(await fsp.readFile(aside, 'utf8'));
  if (found?.token !== token) await fsp.link(aside, file).catch(() => undefined);
  await fsp.rm(aside, { force: true });
}

function dropOwn(file: string, token: string): void {
  try {
    if (parse(readFileSync(file, 'utf8'))?.token === token) rmSync(file, { force: true });
  } catch {
    // Its folder was deleted: so is the lock.
  }
}

function watchExit(): void {
  if (isExitWatched) return;
  isExitWatched = true;
  process.on('exit', () => {
    for (const [file, token] of own) dropOwn(file, token);
  });
}

function parse(text: string): LockText | undefined {
  try {
    return JSON.parse(text) as LockText;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
