import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { bytesSource } from './byteSource.ts';
import { unsafeNameReason } from './entryName.ts';
import { openZip, type ZipArchive } from './zipArchive.ts';

const zipsDir = `${sharedDir ?? ''}data/bad_inputs/zips/`;
const open = (name: string): Promise<ZipArchive> =>
  openZip(bytesSource(new Uint8Array(readFileSync(`${zipsDir}${name}.zip`))));

describe.runIf(sharedDir)('zips of data/bad_inputs', () => {
  test.each([
    ['truncated', 'zip-truncated', /incomplete zip \(download broken off\?\)/],
    ['encrypted_flag', 'zip-encrypted', /zip is password protected/],
    ['not_a_zip', 'zip-not-a-zip', /this is a RAR archive, not a zip/],
    ['empty', 'zip-empty', /the zip is empty/],
    ['bomb_600MB', 'zip-bomb', /must unpack to at most/],
  ])('%s is refused with %s', async (name, code, message) => {
    const before = process.memoryUsage().rss;
    await expect(open(name)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
  });

  test.each(['ok_reference', 'two_formats', 'nested', 'traversal', 'cp932_names'])(
    '%s is read whole',
    async (name) => {
      const zip = await open(name);
      for (const entry of zip.entries) expect(await zip.read(entry)).toHaveLength(entry.size);
    },
  );

  test('traversal: exactly the four odd entries are unsafe', async () => {
    const { entries } = await open('traversal');
    expect(entries.filter((e) => unsafeNameReason(e.name) !== null).map((e) => e.name)).toEqual([
      '../../evil.jpg',
      '/abs/evil2.jpg',
      '..\\..\\evil3.jpg',
      'C:\\evil4.jpg',
    ]);
  });

  test('cp932: the name is Japanese again, and marked as guessed', async () => {
    const { entries } = await open('cp932_names');
    expect(entries[0]).toMatchObject({ name: 'images/写真.jpg', isNameGuessed: true, hasUtf8Flag: false });
  });
});
