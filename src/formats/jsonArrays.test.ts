import { expect, it } from 'vitest';
import { ArrayReader } from './jsonArrays.ts';

const TEXT = String.raw`{"info": {"note": "a \"]}\\"}, "images": [{"n": "\\\"["}, {"n": "\\"}, {"n": "é\u005d,"}], "last": "\\"}`;

function read(pieces: readonly string[]): unknown {
  const items: unknown[] = [];
  const reader = new ArrayReader('x.json', (key, some) => {
    for (const item of some) items.push([key, item]);
  });
  for (const piece of pieces) reader.push(piece);
  return { items, values: reader.end('').values };
}

it('brackets and escaped quotes inside strings are text, wherever the file is cut into pieces', () => {
  const whole = JSON.parse(TEXT) as { images: unknown[]; info: unknown; last: unknown };
  const expected = {
    items: whole.images.map((item) => ['images', item]),
    values: { info: whole.info, last: whole.last },
  };
  expect(read([TEXT])).toEqual(expected);
  expect(read([...TEXT])).toEqual(expected);
  for (let cut = 1; cut < TEXT.length; cut++)
    expect(read([TEXT.slice(0, cut), TEXT.slice(cut)])).toEqual(expected);
});
