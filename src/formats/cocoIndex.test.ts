import { describe, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { readCocoIndex } from './cocoIndex.ts';
import { readJsonArrays } from './jsonArrays.ts';

async function collect(text: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown[]> = {};
  const fs = createMemoryFs({ f: text });
  const root = await readJsonArrays(fs, 'f', (key, items, first) => {
    const list = (found[key] ??= []);
    expect(first).toBe(list.length);
    for (const item of items) list.push(item);
  });
  for (const key of root.counts.keys()) found[key] ??= [];
  return { ...root.values, ...found };
}

describe('readJsonArrays', () => {
  test('gives what JSON.parse gives, over the borders of chunks and batches too', async () => {
    const value = {
      info: { text: 'a ] } , " \\ [ é', nested: [[1], { x: [] }] },
      empty: [],
      none: null,
      // 6 MB: more than a chunk; the two bytes of an é lie on the border of one in some items.
      images: Array.from({ length: 60_000 }, (_, i) => ({
        id: i,
        name: `${'é'.repeat(i % 7)}"],{${'x'.repeat(60)}`,
        p: [[i, 1.5]],
      })),
      last: [1, 'two', [3]],
    };
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 1)])
      expect(await collect(text)).toEqual(value);
    expect(await collect('{}')).toEqual({});
    expect(await collect(' {"a": NaN, "b": [NaN, 12345678901234567890]}\n')).toEqual({
      a: NaN,
      b: [NaN, 12345678901234567890n],
    });
  });

  test.each([
    ['{"a": [1, 2', 'line 1, column 12'],
    ['{"a": [1],\n "b": [{"c": 1]}', 'line 2, column 16'],
    ['{"a": [1,]}', 'column 10'],
    ['{"a": [1}', '"]"'],
    ['{"a": [1] 2}', '"," or "}"'],
    ['{"a": [1], "a": [2]}', 'must have a key that has not been there'],
    ['{"a": [1]} x', 'the end of the file'],
    ['{"a": 1,}', 'a key in quotes'],
    ['', 'a value'],
    ['{"a" [1]}', '":"'],
  ])('%j is refused with its place', async (text, place) => {
    await expect(collect(text)).rejects.toThrow(place);
  });
});

describe('readCocoIndex', () => {
  const image = (id: number): object => ({ id, file_name: `${id}.png`, width: 64, height: 48 });
  const box = (id: number | undefined, image_id: number, category_id: number): object => {
    return { id, image_id, category_id, bbox: [1, 2, 3, 4] };
  };
  const read = async (file: object): ReturnType<typeof readCocoIndex> =>
    readCocoIndex(createMemoryFs({ f: JSON.stringify(file) }), 'f');

  test('annotations in front of pictures and categories find both', async () => {
    const annotations = [box(5, 2, 7), box(6, 1, 7), box(undefined, 2, 8), box(9, 3, 7)];
    const categories = [
      { id: 8, name: 'x' },
      { id: 7, name: 'y' },
    ];
    const index = await read({ annotations, categories, images: [image(1), image(2)] });
    expect([...index.boxStarts]).toEqual([0, 1, 3]);
    expect([...index.boxCategories]).toEqual([1, 1, 0]);
    expect([...index.boxIds]).toEqual([6, 5, 7]);
    expect([...index.areas]).toEqual([12, 12, 12]);
    expect(index.findings.map(({ message }) => message)).toEqual([
      'f: 1 annotation of a picture that is not listed left out (the first: annotations[3])',
    ]);
  });

  test('two categories of one name are one class; ids 0 and repeated ones are named', async () => {
    const categories = [
      { id: 1, name: 'x' },
      { id: 2, name: 'x' },
    ];
    const index = await read({
      images: [image(1)],
      categories,
      annotations: [box(0, 1, 1), box(4, 1, 2), box(4, 1, 2)],
    });
    expect(index.categories).toEqual([{ id: 1, name: 'x' }]);
    expect([...index.boxCategories]).toEqual([0, 0, 0]);
    expect(index.findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['same-category-name', 'warning'],
      ['repeated-annotation-ids', 'error'],
      ['annotation-id-0', 'warning'],
    ]);
    expect(index.findings[0]?.message).toContain("2 categories named 'x' (ids 1, 2)");
    expect(index.findings[1]?.message).toContain('1 id comes more than once: 4');
  });
});
