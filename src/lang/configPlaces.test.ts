import { expect, test } from 'vitest';
import { innermostAt, pathTo, placeAt, readContainers } from './configPlaces.ts';

/** Where the `|` of a text is. */
function at(marked: string): { path: unknown; at: string; key: string | undefined; replaced: string } | null {
  const offset = marked.indexOf('|');
  const text = marked.replace('|', '');
  const place = placeAt(text, offset);
  if (!place) return null;
  const { container, entry, from, to } = place;
  return { path: pathTo(container), at: place.at, key: entry?.key.join('.'), replaced: text.slice(from, to) };
}

const places: [string, unknown, string, string?, string?][] = [
  ['mod|', [], 'key', undefined, 'mod'],
  ['model = dict(ty|', ['model'], 'key', undefined, 'ty'],
  ["model = dict(type='Re|')", ['model'], 'value', 'type', 'Re'],
  // The end of the string is missing: it doesn't take the bracket behind the cursor.
  ["model = dict(type='Re|)\noptimizer = dict(lr=1)", ['model'], 'value', 'type', 'Re'],
  ["model = dict(backbone=dict(type='ResNet', |), neck=1)", ['model', 'backbone'], 'key', undefined, ''],
  ['model = dict(backbone=dict(depth=50), |', ['model'], 'key', undefined, ''],
  ["data = dict(train=dict(pipeline=[dict(type='A'), dict(to_|)]))", ['data', 'train', 'pipeline', 1], 'key', undefined, 'to_'],
  ["a = {'b': {'|'}}", ['a', 'b'], 'key', undefined, ''],
  ["a = {'b': {'c': '|x'}}", ['a', 'b'], 'value', 'c', 'x'],
  ["model['backbone'] = dict(|)", ['model', 'backbone'], 'key', undefined, ''],
  ["data['train']['type'] = '|'", [], 'value', 'data.train.type', ''],
  // What is open above was never closed.
  ['model = dict(\n    backbone=dict(\noptimizer = dict(lr=|)', ['optimizer'], 'value', 'lr', ''],
  // A dict may have its entries at the margin.
  ['model = dict(\ntype="A",\n|\n)', ['model'], 'key', undefined, ''],
  ['a = dict(x="(", y=1, # dict(\n |)', ['a'], 'key', undefined, ''],
  ['a = dict(x="""\n(\n""", |)', ['a'], 'key', undefined, ''],
  ['a = dict(x=(1, 2), |y=2)', ['a'], 'key', 'y', 'y'],
  ['f(dict(|))', null, 'key', undefined, ''],
  ['a = )]} dict(x=|', ['a'], 'value', 'x', ''],
]; // prettier-ignore
test.each(places)('%s', (marked, path, kind, key, replaced) => {
  expect(at(marked)).toEqual({ path, at: kind, key, replaced });
});

test('a comment is no place', () => {
  expect(at('a = dict(  # ty|')).toBeNull();
});

test('any prefix of a config can be read, and ends in a place', () => {
  const text = "a = dict(b=[dict(type='X', c=(1, 2))], **base)\nfor x in y:\n    a['b'] = {'c': 1}\n";
  for (let end = 0; end <= text.length; end++) {
    const top = readContainers(text.slice(0, end));
    expect(innermostAt(top, end).from).toBeLessThanOrEqual(end);
  }
});
