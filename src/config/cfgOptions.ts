// `--cfg-options a.b=1 c="[1,2]"`: the value grammar and the nesting of dotted keys. Source: mmcv 1.7.2 DictAction, Config.merge_from_dict.

import { ConfigError } from '../errors/trainerError.ts';
import { floatOfText } from '../lang/builtins.ts';
import { LineIndex } from '../lang/lineIndex.ts';
import { isDict, type PlainDict, setEntry } from '../lang/plain.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
import { Tuple } from '../util/tuple.ts';

/** Name of the "file" that spans of options point into. */
export const OPTIONS_FILE = '--cfg-options';

/**
 * Read `key=value` arguments. Values: int, float (`nan`, `inf`, `1_000` too), true/false in any case, None, `a,b` and `[a,b]` lists,
 * `(a,b)` tuples, all of it nested; anything else is text. Quotes around a value and spaces in it are dropped.
 * @throws ConfigError `bad-option`, `unbalanced-brackets`, `ambiguous-list`
 * @example parseCfgOptions(['model.backbone.depth=18', 'workflow=[(train,1)]'])
 */
export function parseCfgOptions(args: readonly string[]): PlainDict {
  const options: PlainDict = {};
  for (const arg of args) {
    const at = arg.indexOf('=');
    const lines = new LineIndex(OPTIONS_FILE, arg);
    if (at < 1) {
      throw new ConfigError(`an option must be written key=value, but got '${arg}'`, {
        code: 'bad-option',
        hint: "such as optimizer.lr=0.01 or data.train.pipeline.2.img_scale='(640,480)'",
      });
    }
    const { value, isFloat } = parseOption(arg.slice(at + 1));
    setEntry(options, arg.slice(0, at), value);
    setSource(options, arg.slice(0, at), {
      span: lines.span(at + 1, arg.length),
      keySpan: lines.span(0, at),
      isFloat,
    });
  }
  return options;
}

/** Read one value of the option grammar. */
export function parseOptionValue(text: string): unknown {
  return parseOption(text).value;
}

interface Parsed {
  readonly value: unknown;
  readonly isFloat: boolean;
}

function parseOption(text: string): Parsed {
  let inner = text.replace(/^['"]+|['"]+$/g, '').replaceAll(' ', '');
  const isTuple = inner.startsWith('(') && inner.endsWith(')');
  const isList = inner.startsWith('[') && inner.endsWith(']');
  if (isTuple || isList) inner = inner.slice(1, -1);
  else if (!inner.includes(',')) return scalar(inner);
  const values: unknown[] = isTuple ? new Tuple() : [];
  const whole = inner;
  while (inner !== '') {
    const comma = nextComma(inner);
    const element = inner.slice(0, comma);
    if (element === whole && !isTuple && !isList) {
      // MMCV recurses for ever on such a value.
      throw new ConfigError(
        `an option must not hold several bracketed values side by side, but got '${text}'`,
        {
          code: 'ambiguous-list',
          hint: `put another pair of brackets around it: [${text}]`,
        },
      );
    }
    const { value, isFloat } = parseOption(element);
    if (isFloat) {
      const span = new LineIndex(OPTIONS_FILE, text).span(0, text.length);
      setSource(values, values.length, { span, isFloat });
    }
    values.push(value);
    inner = inner.slice(comma + 1);
  }
  return { value: values, isFloat: false };
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

/** The first comma outside brackets, or the length. */
function nextComma(text: string): number {
  if (count(text, '(') !== count(text, ')') || count(text, '[') !== count(text, ']')) {
    throw new ConfigError(`brackets must be balanced, but they are not in '${text}'`, {
      code: 'unbalanced-brackets',
    });
  }
  let round = 0;
  let square = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === ',' && round === 0 && square === 0) return i;
    if (char === '(') round += 1;
    else if (char === ')') round -= 1;
    else if (char === '[') square += 1;
    else if (char === ']') square -= 1;
  }
  return text.length;
}

function scalar(text: string): Parsed {
  const of = (value: unknown, isFloat = false): Parsed => ({ value, isFloat });
  if (/^\s*[+-]?\d+(?:_\d+)*\s*$/.test(text) && text.length < 4300) {
    const int = BigInt(text.trim().replaceAll('_', '').replace(/^\+/, ''));
    return of(Number.isSafeInteger(Number(int)) ? Number(int) : int);
  }
  const float = floatOfText(text);
  if (float !== undefined) return of(float, true);
  const lower = text.toLowerCase();
  if (lower === 'true' || lower === 'false') return of(lower === 'true');
  return of(text === 'None' ? null : text);
}

/**
 * Turn dotted keys into nested dicts: `{'a.b': 1}` becomes `{a: {b: 1}}`.
 * @throws ConfigError `option-conflict` when one key needs a dict where an earlier one put a value
 */
export function nestOptions(options: PlainDict): PlainDict {
  const nested: PlainDict = {};
  for (const fullKey of Object.keys(options)) {
    const source = sourceOf(options, fullKey);
    const keys = fullKey.split('.');
    const last = keys.pop() ?? '';
    let target = nested;
    for (const key of keys) {
      const old = Object.hasOwn(target, key) ? target[key] : undefined;
      if (old !== undefined && !isDict(old)) {
        throw new ConfigError(
          `the option '${fullKey}' must go into a dict, but another option sets '${key}' to a value`,
          {
            code: 'option-conflict',
            path: fullKey,
            span: source?.span,
          },
        );
      }
      const next: PlainDict = isDict(old) ? old : {};
      if (old === undefined) {
        setEntry(target, key, next);
        if (source) setSource(target, key, { span: source.span, keySpan: source.keySpan });
      }
      target = next;
    }
    setEntry(target, last, options[fullKey]);
    if (source) setSource(target, last, source);
  }
  return nested;
}
