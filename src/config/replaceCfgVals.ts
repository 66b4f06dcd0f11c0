// `${key.sub}` inside text values. Source: mmdet 2.28.2 replace_cfg_vals.

import { ConfigError } from '../errors/trainerError.ts';
import {
  deleteEntry,
  dictEntries,
  findEntry,
  getEntry,
  isAnyDict,
  isDict,
  isFloatEntry,
  KeyedDict,
  type PlainDict,
  plainTypeName,
  setEntry,
} from '../lang/plain.ts';
import { plainStr } from '../lang/plainRepr.ts';
import { copySources, setSource, sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';
import { deepCopy } from './merge.ts';

const PLACE = /\$\{[a-zA-Z\d_.]*\}/g;

interface Found {
  readonly value: unknown;
  readonly isFloat: boolean;
}

/**
 * Replace `${a.b}` by the config's own values: a bare one keeps the value's type, one inside longer text must be a scalar.
 * When `model_wrapper` is set, and not None, it becomes the model. Returns a new dict.
 * @throws ConfigError `missing-key` for an unknown path, `bad-replacement` for a dict, list or tuple inside longer text
 */
export function replaceCfgVals(config: PlainDict): PlainDict {
  const replaced = replaceIn(config, config) as PlainDict;
  const wrapper = getEntry(replaced, 'model_wrapper') ?? null;
  if (wrapper === null) return replaced;
  setEntry(replaced, 'model', wrapper);
  deleteEntry(replaced, 'model_wrapper');
  return replaced;
}

function replaceIn(value: unknown, config: PlainDict): unknown {
  if (typeof value === 'string') return replaceText(value, config, undefined).value;
  if (isDict(value)) {
    const out: PlainDict = {};
    copySources(value, out);
    for (const [key, item] of dictEntries(value))
      put(out, key, item, value, config, (v) => setEntry(out, key, v));
    return out;
  }
  if (value instanceof KeyedDict) {
    const out = new KeyedDict();
    copySources(value, out);
    for (const [key, item] of value) put(out, String(key), item, value, config, (v) => out.set(key, v));
    return out;
  }
  if (Array.isArray(value)) {
    const out: unknown[] = value instanceof Tuple ? new Tuple() : [];
    copySources(value, out);
    value.forEach((item: unknown, i) => put(out, i, item, value, config, (v) => out.push(v)));
    return out;
  }
  return value;
}

function put(
  out: object,
  key: string | number,
  item: unknown,
  container: object,
  config: PlainDict,
  store: (value: unknown) => void,
): void {
  if (typeof item !== 'string') {
    store(replaceIn(item, config));
    return;
  }
  const source = sourceOf(container, key);
  const found = replaceText(item, config, source?.span);
  store(found.value);
  if (source && found.isFloat) setSource(out, key, { ...source, isFloat: true });
}

function replaceText(text: string, config: PlainDict, span: ConfigError['span']): Found {
  const places = text.match(PLACE);
  if (!places) return { value: text, isFloat: false };
  if (places.length === 1 && places[0] === text) {
    const found = lookUp(text.slice(2, -1), config, span);
    return { value: deepCopy(found.value), isFloat: found.isFloat };
  }
  const found = places.map((place) => ({ place, ...lookUp(place.slice(2, -1), config, span) }));
  // One after the other, as in MMDetection: a value's own `${…}` is replaced where a later place has the same text.
  const value = found.reduce((whole, { place, value: part, isFloat }) => {
    if (Array.isArray(part) || isAnyDict(part)) {
      throw new ConfigError(
        `'${place}' inside longer text must be a plain value, but it is a ${plainTypeName(part)}`,
        {
          code: 'bad-replacement',
          span,
          hint: 'only a text that is nothing but ${…} can take a dict, list or tuple',
        },
      );
    }
    return whole.replaceAll(place, () => plainStr(part, isFloat));
  }, text);
  return { value, isFloat: false };
}

function lookUp(path: string, config: PlainDict, span: ConfigError['span']): Found {
  let container: unknown = config;
  let value: unknown = config;
  let key = '';
  for (key of path.split('.')) {
    container = value;
    const entry = isAnyDict(container) ? findEntry(container, key) : undefined;
    if (entry) value = entry.value;
    else {
      throw new ConfigError(`'\${${path}}' must name a value of the config, but there is no '${key}'`, {
        code: 'missing-key',
        span,
      });
    }
  }
  return { value, isFloat: isFloatEntry(container as object, key) };
}
