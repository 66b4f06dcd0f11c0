import { mkdtempSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';
import { COMMANDS } from './commands.ts';
import { createNodeRoot } from './nodeRoot.ts';

describe('createNodeRoot', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-root-'));
  writeFileSync(join(folder, 'a.zip'), '');

  test('--data wants a plain name and a folder', () => {
    const mistake = (option: string): unknown => {
      try {
        return createNodeRoot([option]);
      } catch (error) {
        return error;
      }
    };
    expect(mistake('bccd')).toMatchObject({ code: 'bad-option' });
    expect(mistake(`../x=${folder}`)).toMatchObject({ code: 'bad-option' });
    expect(mistake(`x=${folder}/none`)).toMatchObject({ code: 'not-found' });
    expect(mistake(`x=${folder}/a.zip`)).toMatchObject({
      code: 'not-found',
      hint: expect.stringContaining('import'),
    });
    expect(mistake(`x=${folder}`)).toHaveProperty('fs');
  });

  test('the working folder itself never becomes an empty path, which would be the root of the machine', () => {
    const { path } = createNodeRoot();
    expect(path('.')).toBe('.');
    expect(path('a/../b')).toBe('b');
    expect(path(folder)).toBe(folder);
  });

  test('a path may leave the working folder, and come back into it', async () => {
    const { fs } = createNodeRoot();
    const up = relative(process.cwd(), folder);
    expect(up).toMatch(/^\.\.\//);
    await fs.writeFile(`${up}/above.txt`, 'above');
    expect(readFileSync(join(folder, 'above.txt'), 'utf8')).toBe('above');
    expect(await fs.readText(`src/../${up}/above.txt`)).toBe('above');
    await fs.rename(`${up}/above.txt`, `${folder}/moved.txt`);
    expect(await fs.readText(`${up}/moved.txt`)).toBe('above');
    const own = `../${basename(process.cwd())}/package.json`;
    expect(await fs.readText(own)).toBe(await fs.readText('package.json'));
    expect((await fs.list('')).map(({ name }) => name)).toContain('package.json');
  });

  test('links are made where the file system holds them', async () => {
    const { fs } = createNodeRoot();
    expect(await fs.link?.('a.zip', `${folder}/latest.zip`)).toBe(true);
    expect(readlinkSync(join(folder, 'latest.zip'))).toBe('a.zip');
  });
});

test('an option with an empty value is refused', () => {
  const train = COMMANDS.find((command) => command.name === 'train');
  if (!train) throw new Error('there is no train command');
  expect(() => parseArguments(['c.py', '--work-dir', ''], train)).toThrow('--work-dir needs a value');
  expect(() => parseArguments(['c.py', '--work-dir='], train)).toThrow('--work-dir needs a value');
});
