// The laws that every FileSystem keeps, as one list: run over each implementation, in Node and in Chromium.

import { StorageError } from '../errors/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';

/** Throws when the law is broken. Each law gets an empty file system. */
export type Law = (fs: FileSystem) => Promise<void>;

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

export const fileSystemLaws: Readonly<Record<string, Law>> = {
  'what is written is read': async (fs) => {
    await fs.writeFile('a/b/c.bin', bytes(0, 255, 13, 10));
    same(await fs.readFile('a/b/c.bin'), bytes(0, 255, 13, 10));
    await fs.writeFile('a/b/c.bin', 'kürzer');
    same(await fs.readText('a/b/c.bin'), 'kürzer');
  },
  'an empty file is a file': async (fs) => {
    await fs.writeFile('empty', bytes());
    same((await fs.stat('empty'))?.bytes, 0);
    same(await fs.readFile('empty'), bytes());
  },
  'a byte order mark is dropped from text only': async (fs) => {
    await fs.writeFile('bom.json', bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
    same(await fs.readText('bom.json'), '{}');
    same((await fs.readFile('bom.json')).length, 5);
  },
  'a range is cut at the end of the file': async (fs) => {
    await fs.writeFile('f', bytes(1, 2, 3, 4));
    same(await fs.readRange('f', 1, 3), bytes(2, 3));
    same(await fs.readRange('f', 2, 99), bytes(3, 4));
    same(await fs.readRange('f', 9, 12), bytes());
    same(await fs.readRange('f', 3, 1), bytes());
  },
  'stat tells files, directories and nothing apart': async (fs) => {
    const before = Date.now() - 5000;
    await fs.writeFile('d/f', bytes(1, 2, 3));
    const file = await fs.stat('d/f');
    same([file?.kind, file?.bytes], ['file', 3]);
    holds((file?.modifiedMs ?? 0) > before, 'a modification time near now');
    same((await fs.stat('d'))?.kind, 'directory');
    same((await fs.stat(''))?.kind, 'directory');
    same(await fs.stat('d/none'), null);
    same(await fs.stat('d/f/below-a-file'), null);
  },
  'list is sorted by code units and shows only direct entries': async (fs) => {
    for (const name of ['b', 'a10', 'a9', 'Z', 'ä', 'sub/deep/x']) await fs.writeFile(name, name);
    same(
      (await fs.list('')).map((e) => `${e.name}:${e.kind[0]}`),
      ['Z:f', 'a10:f', 'a9:f', 'b:f', 'sub:d', 'ä:f'],
    );
    same(await fs.list('sub'), [{ name: 'deep', kind: 'directory' }]);
    same(await fs.list('not/there'), []);
  },
  'names with spaces, brackets, percent signs, CJK and emoji work': async (fs) => {
    const name = 'mein Bild [1] 100%25 #写真 🐸.JPG';
    await fs.writeFile(`o/${name}`, bytes(7));
    same(await fs.list('o'), [{ name, kind: 'file' }]);
    same(await fs.readFile(`o/${name}`), bytes(7));
  },
  'a leading slash and dots mean the same path': async (fs) => {
    await fs.writeFile('/x/./y/../f', bytes(1));
    same(await fs.readFile('x//f'), bytes(1));
  },
  'paths that leave the root are refused everywhere': async (fs) => {
    for (const path of ['../f', 'a/../../f', 'a\\f', '..\\f', 'C:/f', 'c:f', 'f\0g']) {
      await refuses('path-outside-root', () => fs.writeFile(path, bytes(1)));
      await refuses('path-outside-root', () => fs.readFile(path));
      await refuses('path-outside-root', () => fs.list(path));
      await refuses('path-outside-root', () => fs.remove(path));
      await refuses('path-outside-root', () => fs.rename('f', path));
      await refuses('path-outside-root', () => fs.createWriter(path));
    }
  },
  'missing files are named': async (fs) => {
    await refuses('not-found', () => fs.readFile('none/f.txt'));
    await refuses('not-found', () => fs.readText('none'));
    await refuses('not-found', () => fs.readRange('none', 0, 1));
    await refuses('not-found', () => fs.rename('none', 'other'));
    await fs.writeFile('f', bytes(1));
    const error = await caught(() => fs.readFile('none/f.txt'));
    same(error.path, 'none/f.txt');
  },
  'a directory is no file and a file no directory': async (fs) => {
    await fs.writeFile('d/f', bytes(1));
    await refuses('not-a-file', () => fs.readFile('d'));
    await refuses('not-a-file', () => fs.writeFile('d', bytes(1)));
    await refuses('not-a-directory', () => fs.writeFile('d/f/g', bytes(1)));
    await refuses('not-a-directory', () => fs.makeDir('d/f/g'));
    await refuses('not-a-directory', () => fs.list('d/f'));
    same(await fs.readFile('d/f'), bytes(1));
  },
  'makeDir makes parents and may be repeated': async (fs) => {
    await fs.makeDir('p/q/r');
    await fs.makeDir('p/q/r');
    same(await fs.list('p/q'), [{ name: 'r', kind: 'directory' }]);
  },
  'append makes the file, then adds to it, in the order of the calls': async (fs) => {
    const lines = Array.from({ length: 8 }, (_, i) => `line ${i}\n`);
    for (const line of lines) await fs.appendFile('log/run.log', line);
    same(await fs.readText('log/run.log'), lines.join(''));
  },
  'a writer shows nothing before it is closed': async (fs) => {
    await fs.writeFile('w/f', 'old');
    const writer = await fs.createWriter('w/f');
    const fresh = await fs.createWriter('w/fresh');
    await writer.write(bytes(110, 101));
    await writer.write(bytes(119));
    await fresh.write(bytes(1));
    same(await fs.readText('w/f'), 'old');
    same(await fs.stat('w/fresh'), null);
    same(await fs.list('w'), [{ name: 'f', kind: 'file' }]);
    await writer.close();
    await fresh.close();
    same(await fs.readText('w/f'), 'new');
    same(await fs.readFile('w/fresh'), bytes(1));
  },
  'an aborted writer leaves the old file and no trace': async (fs) => {
    await fs.writeFile('w/f', 'old');
    const writer = await fs.createWriter('w/f');
    await writer.write(bytes(1, 2));
    await writer.abort();
    await writer.abort();
    same(await fs.readText('w/f'), 'old');
    same((await fs.list('w')).length, 1);
    await refuses('closed', () => writer.write(bytes(1)));
    await refuses('closed', () => writer.close());
  },
  'the caller may reuse the buffer it wrote from': async (fs) => {
    const buffer = bytes(1, 2, 3);
    const writer = await fs.createWriter('f');
    await writer.write(buffer);
    buffer.fill(9);
    await writer.write(buffer.subarray(1, 2));
    await writer.close();
    same(await fs.readFile('f'), bytes(1, 2, 3, 9));
  },
  'rename replaces a file and makes parents': async (fs) => {
    await fs.writeFile('one', '1');
    await fs.writeFile('two/x', '2');
    await fs.rename('one', 'two/x');
    same(await fs.readText('two/x'), '1');
    same(await fs.stat('one'), null);
    await fs.rename('two/x', 'new/deep/y');
    same(await fs.readText('new/deep/y'), '1');
    await fs.rename('new/deep/y', 'new/deep/y');
    same(await fs.readText('new/deep/y'), '1');
  },
  'rename moves a directory with all in it and replaces another': async (fs) => {
    await fs.writeFile('from/a/b', 'b');
    await fs.writeFile('from/c', 'c');
    await fs.writeFile('to/old', 'old');
    await fs.rename('from', 'to');
    same(await fs.readText('to/a/b'), 'b');
    same(await fs.readText('to/c'), 'c');
    same(await fs.stat('to/old'), null);
    same(await fs.stat('from'), null);
  },
  'a batch writes like writeFile, many at once': async (fs) => {
    const batch = fs.startBatch?.('b/c');
    if (!batch) return;
    await fs.writeFile('b/c/d/0', 'longer than the new text');
    await Promise.all(Array.from({ length: 20 }, (_, i) => batch.write(`d/${i}`, bytes(i))));
    await batch.write('empty', bytes());
    await refuses('path-outside-root', () => batch.write('../../f', bytes(1)));
    let synced = 0;
    await batch.finish(() => (synced += 1));
    holds(synced === 21 || synced === 0, 'a call for each file, or none where nothing is left to do');
    same((await fs.list('b/c/d')).length, 20);
    for (let i = 0; i < 20; i++) same(await fs.readFile(`b/c/d/${i}`), bytes(i));
    same((await fs.stat('b/c/empty'))?.bytes, 0);
  },
  'remove takes files and whole directories, and nothing is fine': async (fs) => {
    await fs.writeFile('r/a/b', 'b');
    await fs.writeFile('ra', 'stays');
    await fs.remove('r');
    same(await fs.stat('r'), null);
    await fs.remove('r');
    await fs.remove('r/a/b');
    same(await fs.readText('ra'), 'stays');
    await fs.remove('ra');
    same(await fs.list(''), []);
  },
  'the root can be emptied but stays': async (fs) => {
    await fs.writeFile('x/y', '1');
    await fs.remove('');
    same(await fs.list(''), []);
    await fs.writeFile('again', '1');
    same(await fs.readText('again'), '1');
  },
};

function same(actual: unknown, expected: unknown): void {
  if (show(actual) !== show(expected)) throw new Error(`expected ${show(expected)}, got ${show(actual)}`);
}

function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

async function caught(action: () => Promise<unknown>): Promise<StorageError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw new Error(`expected a StorageError, got ${String(error)}`, { cause: error });
  }
  throw new Error('expected a StorageError, nothing was thrown');
}

async function refuses(code: string, action: () => Promise<unknown>): Promise<void> {
  same((await caught(action)).code, code);
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (v instanceof Uint8Array ? ['bytes', ...v] : v)) ?? 'undefined';
