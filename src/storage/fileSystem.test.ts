import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileSystemLaws } from './fileSystemLaws.testing.ts';
import { ownerOf } from './nodeProcess.ts';
import { createMemoryFs } from './memoryFs.ts';
import { createMountFs } from './mountFs.ts';
import { createNodeFs } from './nodeFs.ts';

let folder = '';
let made = 0;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'tabtrain-fs-'))));
afterAll(() => rmSync(folder, { recursive: true }));
const freshFolder = (): string => join(folder, String(made++));

const implementations = {
  memory: () => createMemoryFs(),
  node: () => createNodeFs(freshFolder()),
  'mount (all laws hold above a mount point)': () =>
    createMountFs(createMemoryFs(), { 'x-mounted/m': createMemoryFs() }),
  'mount (all laws hold inside one)': () =>
    createMountFs(createMemoryFs(), { '': createNodeFs(freshFolder()) }),
};

for (const [name, make] of Object.entries(implementations)) {
  describe(`file system: ${name}`, () => {
    for (const [title, law] of Object.entries(fileSystemLaws)) {
      // A mount point shows in the listing of the root, and a root with one in it can't be emptied: see below.
      const isAbout = (words: RegExp): boolean => words.test(title);
      const mustDiffer =
        (name.includes('above') && isAbout(/^(list is|remove takes|the root)/)) ||
        (name.includes('inside') && isAbout(/^the root/));
      if (!mustDiffer) test(title, () => law(make()));
    }
  });
}

describe('file system: node', () => {
  test('what a crashed process left is hidden and cleaned, what a living one writes is hidden and kept', async () => {
    const root = freshFolder();
    const fs = createNodeFs(root);
    await fs.writeFile('kept.pth', 'x');
    // The highest process id that Linux gives out is 2 ** 22.
    const dead = `.tabtrain-tmp-${ownerOf(2 ** 22 + 7)}-abc`;
    writeFileSync(join(root, dead), 'half');
    const writer = await fs.createWriter('next.pth');
    expect(readdirSync(root)).toHaveLength(3);
    expect(await fs.list('')).toEqual([{ name: 'kept.pth', kind: 'file' }]);
    expect(readdirSync(root)).toHaveLength(2);
    expect(readdirSync(root)).not.toContain(dead);
    await writer.close();
    expect(readdirSync(root).sort()).toEqual(['kept.pth', 'next.pth']);
  });

  test('two roots over one folder see the same files', async () => {
    const root = freshFolder();
    await createNodeFs(root).writeFile('a/b', '1');
    expect(await createNodeFs(join(root, 'a')).readText('b')).toBe('1');
  });
});

describe('file system: mount', () => {
  const set = createMemoryFs({ 'train/1.jpg': 'jpg' });

  test('the longest mount point wins and folders above it appear', async () => {
    const inner = createMemoryFs({ x: 'inner' });
    const fs = createMountFs(createMemoryFs({ 'data/other': 'base' }), {
      'data/bccd': set,
      'data/bccd/extra': inner,
    });
    expect(await fs.readText('data/bccd/extra/x')).toBe('inner');
    expect(await fs.readText('data/bccd/train/1.jpg')).toBe('jpg');
    expect((await fs.list('data')).map((e) => e.name)).toEqual(['bccd', 'other']);
    expect((await fs.list('data/bccd')).map((e) => e.name)).toEqual(['extra', 'train']);
    const bare = createMountFs(createMemoryFs(), { 'a/b/c': set });
    expect(await bare.list('')).toEqual([{ name: 'a', kind: 'directory' }]);
    expect((await bare.stat('a/b'))?.kind).toBe('directory');
    expect(await bare.stat('a/bc')).toBeNull();
  });

  test('a read-only mount refuses every write', async () => {
    const fs = createMountFs(createMemoryFs({ f: '1' }), { 'data/bccd': { fs: set, readOnly: true } });
    expect(await fs.readText('data/bccd/train/1.jpg')).toBe('jpg');
    const writes = [
      () => fs.writeFile('data/bccd/x', ''),
      () => fs.appendFile('data/bccd/x', ''),
      () => fs.createWriter('data/bccd/x'),
      () => fs.makeDir('data/bccd/x'),
      () => fs.remove('data/bccd/train'),
      () => fs.rename('f', 'data/bccd/x'),
      () => fs.rename('data/bccd/train', 'x'),
    ];
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'read-only' });
  });

  test('mount points stay, and renaming across file systems copies', async () => {
    const other = createMemoryFs();
    const base = createMemoryFs({ 'work/a/b': '1', 'work/c': '2' });
    const fs = createMountFs(base, { mnt: other });
    await expect(fs.remove('mnt')).rejects.toMatchObject({ code: 'read-only' });
    await expect(fs.remove('')).rejects.toMatchObject({ code: 'read-only' });
    expect((await fs.list('')).map((e) => e.name)).toEqual(['mnt', 'work']);
    await expect(fs.rename('none', 'mnt/x')).rejects.toMatchObject({ code: 'not-found' });
    await fs.rename('work', 'mnt/work');
    expect(await other.readText('work/a/b')).toBe('1');
    expect(await base.stat('work')).toBeNull();
  });
});

describe('links', () => {
  for (const [name, make] of Object.entries(implementations)) {
    test(`${name}: a link reads as its target, is replaced, and goes alone`, async () => {
      const fs = make();
      await fs.writeFile('w/a.pth', 'first');
      await fs.writeFile('w/b.pth', 'second');
      expect(await fs.link?.('a.pth', 'w/latest.pth')).toBe(true);
      expect(await fs.readText('w/latest.pth')).toBe('first');
      expect(await fs.link?.('b.pth', 'w/latest.pth')).toBe(true);
      expect(await fs.readText('w/latest.pth')).toBe('second');
      expect([await fs.readLink?.('w/latest.pth'), await fs.readLink?.('w/a.pth')]).toEqual(['b.pth', null]);
      expect((await fs.list('w')).map((e) => e.name)).toEqual(['a.pth', 'b.pth', 'latest.pth']);
      await fs.remove('w/latest.pth');
      expect((await fs.list('w')).map((e) => e.name)).toEqual(['a.pth', 'b.pth']);
    });
  }
});
