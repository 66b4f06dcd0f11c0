// What the training specs share.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, type Download, type Page } from '@playwright/test';
import type { TabtrainPage } from './page.ts';

/** A Python with torch: Debian's `python3-torch`, or the one on the path. Undefined when neither has it. */
export const torchPython = ['/usr/bin/python3', 'python3'].find((python) => {
  if (python.startsWith('/') && !existsSync(python)) return false;
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

export interface TorchView {
  readonly epoch: number;
  readonly iter: number;
  readonly hasOptimizer: boolean;
  /** name -> shape */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly allFinite: boolean;
  /** CRC-32 over the bytes of every tensor, in order: 8 hex digits, as the run logs it. */
  readonly crc32: string;
}

const READ_WITH_TORCH = `
import json, sys, torch, zlib
c = torch.load(sys.argv[1], map_location='cpu')
sd = c['state_dict']
crc = 0
for v in sd.values():
    crc = zlib.crc32(v.contiguous().numpy().tobytes(), crc)
print(json.dumps(dict(
    epoch=c['meta']['epoch'], iter=c['meta']['iter'], hasOptimizer=len(c['optimizer']['state']) > 0,
    crc32=f'{crc:08x}', shapes={k: list(v.shape) for k, v in sd.items()},
    allFinite=all(bool(torch.isfinite(v.double()).all()) for v in sd.values()))))
`;

/** What torch.load makes of a checkpoint. */
export function readWithTorch(path: string): TorchView {
  if (torchPython === undefined) throw new Error('no Python with torch');
  return JSON.parse(
    execFileSync(torchPython, ['-c', READ_WITH_TORCH, path], { encoding: 'utf8' }),
  ) as TorchView;
}

/**
 * What the run said of a checkpoint when it saved it: the CRC-32 of the arrays that came back from the GPU, taken before
 * they were written.
 */
export async function crcInLog(app: TabtrainPage, name: string): Promise<string> {
  const line = new RegExp(`Saved \\S*/${name}: .* state_dict CRC-32 ([0-9a-f]{8})`, 'g');
  const found = [...(await app.log.innerText()).matchAll(line)].at(-1)?.[1];
  expect(found, `the log tells the CRC-32 of ${name}`).toBeDefined();
  return found ?? '';
}

/** Download the first row's checkpoint and check that its bytes are the stored ones. @returns its path on disk */
export async function downloadNewest(app: TabtrainPage): Promise<{ path: string; name: string }> {
  const { page } = app;
  await app.tab('Checkpoints').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download', exact: true }).first().click(),
  ]);
  const path = await pathOf(download);
  const name = download.suggestedFilename();
  expect(await digestOnDisk(path)).toBe(await digestStored(page, name));
  return { path, name };
}

async function pathOf(download: Download): Promise<string> {
  const path = await download.path();
  expect(path).toBeTruthy();
  return path;
}

async function digestOnDisk(path: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-256', readFileSync(path)));
}

/** SHA-256 of the newest stored file of this name below work_dirs. */
async function digestStored(page: Page, name: string): Promise<string> {
  const bytes = await page.evaluate(async (wanted) => {
    const find = async (folder: FileSystemDirectoryHandle): Promise<File[]> => {
      const found: File[] = [];
      for await (const handle of folder.values()) {
        if (handle.kind === 'directory') found.push(...(await find(handle)));
        else if (handle.name === wanted) found.push(await handle.getFile());
      }
      return found;
    };
    const root = await navigator.storage.getDirectory();
    const files = await find(await root.getDirectoryHandle('work_dirs'));
    files.sort((a, b) => b.lastModified - a.lastModified);
    return [
      ...new Uint8Array(await crypto.subtle.digest('SHA-256', await (files[0] ?? new Blob()).arrayBuffer())),
    ];
  }, name);
  return hex(Uint8Array.from(bytes).buffer);
}

function hex(buffer: ArrayBuffer): string {
  return Buffer.from(buffer).toString('hex');
}
