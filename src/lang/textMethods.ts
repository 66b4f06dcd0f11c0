// Methods of Python's str.

import { bind, made, textOf } from './callArgs.ts';
import { formatTemplate } from './format.ts';
import { checkStringChars } from './limits.ts';
import { indexOf } from './numbers.ts';
import { PyError } from './pyError.ts';
import { charsOf, iterate } from './sequences.ts';
import { type CallArgs, PyBytes, PyDict, PyList, PyTuple, typeName, type Value } from './values.ts';
import { at as itemAt } from '../util/at.ts';

type TextMethod = (self: string, args: CallArgs) => Value;

const plain =
  (name: string, run: (self: string) => Value): TextMethod =>
  (self, args) => {
    bind(args, name, [], 0);
    return run(self);
  };

const strip =
  (name: string, left: boolean, right: boolean): TextMethod =>
  (self, args) => {
    const [set = null] = bind(args, name, ['chars'], 0);
    const isStripped = (c: string): boolean =>
      set === null ? /\s/.test(c) : textOf(set, 'chars').includes(c);
    const chars = charsOf(self);
    let from = 0;
    let to = chars.length;
    while (left && from < to && isStripped(itemAt(chars, from))) from += 1;
    while (right && to > from && isStripped(itemAt(chars, to - 1))) to -= 1;
    return chars.slice(from, to).join('');
  };

const affix =
  (name: string, test: (self: string, part: string) => boolean): TextMethod =>
  (self, args) => {
    const [part = null] = bind(args, name, ['prefix'], 1);
    const parts = part instanceof PyTuple ? part.items.map((c) => c.v) : [part];
    return parts.some((p) => test(self, textOf(p, `the argument of ${name}()`)));
  };

const justify =
  (name: string, place: 'left' | 'right' | 'center'): TextMethod =>
  (self, args) => {
    const [width = 0, fill = ' '] = bind(args, name, ['width', 'fillchar'], 1);
    const wanted = indexOf(width, 'the width');
    const missing = Math.max(0, wanted - charsOf(self).length);
    checkStringChars(missing);
    // CPython puts the odd space of center() left when the width is odd.
    const half = Math.floor(missing / 2) + (missing & wanted & 1);
    const left = place === 'right' ? missing : place === 'left' ? 0 : half;
    const char = textOf(fill, 'fillchar');
    return char.repeat(left) + self + char.repeat(missing - left);
  };

const split =
  (name: string, fromRight: boolean): TextMethod =>
  (self, args) => {
    const [separator = null, max = -1] = bind(args, name, ['sep', 'maxsplit'], 0);
    const limit = indexOf(max, 'maxsplit');
    const parts =
      separator === null ? self.trim().split(/\s+/).filter(Boolean) : splitAt(self, textOf(separator, 'sep'));
    if (limit < 0 || parts.length - 1 <= limit) return new PyList(made(args, parts));
    const glue = separator === null ? null : textOf(separator, 'sep');
    return new PyList(made(args, limited(self, parts, limit, glue, fromRight)));
  };

function splitAt(self: string, separator: string): string[] {
  if (separator === '') throw new PyError('ValueError', 'the separator of split() must not be empty');
  return self.split(separator);
}

function limited(
  self: string,
  parts: string[],
  limit: number,
  glue: string | null,
  fromRight: boolean,
): string[] {
  if (glue !== null) {
    return fromRight
      ? [parts.slice(0, parts.length - limit).join(glue), ...parts.slice(parts.length - limit)]
      : [...parts.slice(0, limit), parts.slice(limit).join(glue)];
  }
  // Split at white space: the rest keeps its inner spaces.
  const words = [...self.matchAll(/\S+/g)];
  if (fromRight) {
    const last = itemAt(words, words.length - limit - 1);
    return [self.slice(0, last.index + last[0].length).trimStart(), ...parts.slice(parts.length - limit)];
  }
  return [...parts.slice(0, limit), self.slice(itemAt(words, limit).index).trimEnd()];
}

const find =
  (name: string, fromRight: boolean, isStrict: boolean): TextMethod =>
  (self, args) => {
    const [part = null] = bind(args, name, ['sub'], 1);
    const text = textOf(part, 'the searched text');
    const at = fromRight ? self.lastIndexOf(text) : self.indexOf(text);
    if (at === -1 && isStrict)
      throw new PyError('ValueError', `'${text}' must occur in the text, but it does not`);
    return at === -1 ? -1 : charsOf(self.slice(0, at)).length;
  };

const partition =
  (name: string, fromRight: boolean): TextMethod =>
  (self, args) => {
    const [separator = null] = bind(args, name, ['sep'], 1);
    const text = textOf(separator, 'sep');
    const at = fromRight ? self.lastIndexOf(text) : self.indexOf(text);
    const parts =
      at === -1
        ? fromRight
          ? ['', '', self]
          : [self, '', '']
        : [self.slice(0, at), text, self.slice(at + text.length)];
    return new PyTuple(made(args, parts));
  };

const isAll =
  (test: RegExp) =>
  (self: string): boolean =>
    test.test(self);

export const TEXT_METHODS: Readonly<Record<string, TextMethod>> = {
  upper: plain('upper', (s) => s.toUpperCase()),
  lower: plain('lower', (s) => s.toLowerCase()),
  casefold: plain('casefold', (s) => s.toLowerCase()),
  title: plain('title', (s) =>
    s.replace(/\p{L}+/gu, (w) => itemAt(w, 0).toUpperCase() + w.slice(1).toLowerCase()),
  ),
  capitalize: plain('capitalize', (s) => s.slice(0, 1).toUpperCase() + s.slice(1).toLowerCase()),
  swapcase: plain('swapcase', (s) =>
    s.replace(/\p{L}/gu, (c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())),
  ),
  isdigit: plain('isdigit', isAll(/^\p{Nd}+$/u)),
  isnumeric: plain('isnumeric', isAll(/^\p{N}+$/u)),
  isalpha: plain('isalpha', isAll(/^\p{L}+$/u)),
  isalnum: plain('isalnum', isAll(/^[\p{L}\p{N}]+$/u)),
  isspace: plain('isspace', isAll(/^\s+$/)),
  isupper: plain('isupper', (s) => s !== s.toLowerCase() && s === s.toUpperCase()),
  islower: plain('islower', (s) => s !== s.toUpperCase() && s === s.toLowerCase()),
  isidentifier: plain('isidentifier', isAll(/^[\p{L}_][\p{L}\p{N}_]*$/u)),
  strip: strip('strip', true, true),
  lstrip: strip('lstrip', true, false),
  rstrip: strip('rstrip', false, true),
  startswith: affix('startswith', (s, p) => s.startsWith(p)),
  endswith: affix('endswith', (s, p) => s.endsWith(p)),
  removeprefix: (s, args) => {
    const prefix = textOf(bind(args, 'removeprefix', ['prefix'], 1)[0], 'the prefix');
    return s.startsWith(prefix) ? s.slice(prefix.length) : s;
  },
  removesuffix: (s, args) => {
    const suffix = textOf(bind(args, 'removesuffix', ['suffix'], 1)[0], 'the suffix');
    return suffix !== '' && s.endsWith(suffix) ? s.slice(0, -suffix.length) : s;
  },
  ljust: justify('ljust', 'left'),
  rjust: justify('rjust', 'right'),
  center: justify('center', 'center'),
  zfill: (s, args) => {
    const [width = 0] = bind(args, 'zfill', ['width'], 1);
    const missing = Math.max(0, indexOf(width, 'the width') - s.length);
    checkStringChars(missing);
    return /^[+-]/.test(s) ? s[0] + '0'.repeat(missing) + s.slice(1) : '0'.repeat(missing) + s;
  },
  split: split('split', false),
  rsplit: split('rsplit', true),
  splitlines: (s, args) => {
    const lines = s.split(/\r\n|\r|\n/);
    if (lines[lines.length - 1] === '') lines.pop();
    return new PyList(made(args, lines));
  },
  partition: partition('partition', false),
  rpartition: partition('rpartition', true),
  find: find('find', false, false),
  rfind: find('rfind', true, false),
  index: find('index', false, true),
  rindex: find('rindex', true, true),
  count: (s, args) => {
    const part = textOf(bind(args, 'count', ['sub'], 1)[0], 'the searched text');
    return part === '' ? charsOf(s).length + 1 : s.split(part).length - 1;
  },
  replace: (s, args) => {
    const [old, fresh, max = -1] = bind(args, 'replace', ['old', 'new', 'count'], 2);
    const from = textOf(old, 'the replaced text');
    const to = textOf(fresh, 'the new text');
    const limit = indexOf(max, 'count');
    const parts = s.split(from);
    checkStringChars(s.length + parts.length * to.length);
    if (limit < 0 || limit >= parts.length - 1) {
      return from === '' ? ['', ...charsOf(s), ''].join(to) : parts.join(to);
    }
    return (
      parts.slice(0, limit + 1).join(to) +
      (limit + 1 < parts.length ? from + parts.slice(limit + 1).join(from) : '')
    );
  },
  join: (s, args) => {
    const [items = null] = bind(args, 'join', ['iterable'], 1);
    const parts = iterate(items).map((c, i) => {
      if (typeof c.v === 'string') return c.v;
      throw new PyError('TypeError', `join() needs text only, but entry ${i} is a ${typeName(c.v)}`, {
        hint: 'turn each into text: str(x) for x in …',
      });
    });
    checkStringChars(parts.reduce((sum, p) => sum + p.length + s.length, 0));
    return parts.join(s);
  },
  format: (s, args) =>
    formatTemplate(s, (field) => {
      const cell = /^\d+$/.test(field) ? args.pos[Number(field)] : args.kw.get(field);
      if (cell) return cell.v;
      throw new PyError(
        /^\d+$/.test(field) ? 'IndexError' : 'KeyError',
        `format() got no value for '{${field}}'`,
      );
    }),
  format_map: (s, args) => {
    const [dict = null] = bind(args, 'format_map', ['mapping'], 1);
    return formatTemplate(s, (field) => {
      const entry = dict instanceof PyDict ? dict.get(field) : undefined;
      if (entry) return entry.v;
      throw new PyError('KeyError', `format_map() got no value for '{${field}}'`);
    });
  },
  encode: (s) => new PyBytes(Array.from(new TextEncoder().encode(s), (b) => String.fromCharCode(b)).join('')),
};
