// Places in a config as text, such as `data.train.pipeline[2].img_scale` or `custom_keys['backbone.stem'].lr_mult`.

const STEP = /\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]|([^.[\]]+)/g;

/**
 * The keys of a path, outermost first. Positions of lists are digits.
 * @example pathKeys("data.train.pipeline[2].a['b.c']") // ['data', 'train', 'pipeline', '2', 'a', 'b.c']
 */
export function pathKeys(path: string): string[] {
  return [...path.matchAll(STEP)].map(([, quoted, index, name]) =>
    quoted === undefined ? (index ?? name ?? '') : quoted.replace(/\\(.)/g, '$1'),
  );
}

/**
 * The path of an entry: a name after a dot, a position in brackets, any other text quoted in brackets.
 * @example pathBelow('custom_keys', 'backbone.stem') // "custom_keys['backbone.stem']"
 */
export function pathBelow(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[^.[\]'\\]+$/.test(key)) return `${path}['${key.replace(/['\\]/g, String.raw`\$&`)}']`;
  return path === '' ? key : `${path}.${key}`;
}
