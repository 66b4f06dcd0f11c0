// `{{ fileDirname }}` and its kin, and `{{ _base_.x.y }}`. Source: mmcv 1.7.2 Config.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import {
  dictKeys,
  entriesOf,
  findEntry,
  isAnyDict,
  isDict,
  isFloatEntry,
  KeyedDict,
  type PlainDict,
  setEntry,
} from '../lang/plain.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
import { nearest } from '../util/nearest.ts';
import { deepCopy } from './merge.ts';
import { baseName, extensionOf, folderOf } from './path.ts';
import { SourceText } from './sourceText.ts';
import { take } from '../util/at.ts';

const BASE_VAR = /\{\{\s*_base_\.([\w.]+)\s*\}\}/;
const PREDEFINED = /\{\{\s*(fileDirname|fileBasename|fileBasenameNoExtension|fileExtname)\s*\}\}/;

/** Stands for a `{{ _base_.x }}` while the text is evaluated. */
export interface BaseMarker {
  /** Dotted path inside the bases, such as `opt.lr`. */
  readonly path: string;
  /** Offsets of the first placeholder in the original text. */
  readonly from: number;
  readonly to: number;
}

export interface Substituted {
  readonly source: SourceText;
  /** By marker text. */
  readonly markers: ReadonlyMap<string, BaseMarker>;
}

/** Replace the placeholders of a config text, all in one pass. */
export function substitute(text: string, file: string, usePredefinedVariables: boolean): Substituted {
  const markers = new Map<string, BaseMarker>();
  const predefined: Readonly<Record<string, string>> = {
    fileDirname: folderOf(file) || '.',
    fileBasename: baseName(file),
    fileBasenameNoExtension: baseName(file).slice(0, baseName(file).length - extensionOf(file).length),
    fileExtname: extensionOf(file),
  };
  const pattern = new RegExp(`${PREDEFINED.source}|${BASE_VAR.source}`, 'g');
  const source = SourceText.replace(text, pattern, (match) => {
    const [whole, name, path] = take(match, 3);
    if (name !== undefined) return usePredefinedVariables ? (predefined[name] ?? null) : null;
    const marker = markerFor(path, text);
    if (!markers.has(marker))
      markers.set(marker, { path, from: match.index, to: match.index + whole.length });
    return `"${marker}"`;
  });
  return { source, markers };
}

/** A text that the config doesn't contain: MMCV's shape (`_path_` and six hex digits), but the same on every run. */
function markerFor(path: string, text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; ; i++) {
    for (const c of `${path}#${i}`) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193) >>> 0;
    const marker = `_${path}_${(hash & 0xffffff).toString(16).padStart(6, '0')}`;
    if (!text.includes(marker)) return marker;
  }
}

/**
 * Put the bases' values where a marker is a whole value; `dict` is changed in place (it was made for this).
 * @returns errors for paths the bases lack, warnings for markers inside longer text
 */
export function resolveBaseMarkers(
  dict: PlainDict,
  markers: ReadonlyMap<string, BaseMarker>,
  bases: PlainDict,
  spanOf: (from: number, to: number) => Span,
): Diagnostic[] {
  if (markers.size === 0) return [];
  const diagnostics: Diagnostic[] = [];
  const markerSpan = (marker: BaseMarker): Span => spanOf(marker.from, marker.to);
  const failed = new Set<BaseMarker>();
  const warned = new Set<BaseMarker>();

  const find = (marker: BaseMarker): { value: unknown; isFloat: boolean } | null => {
    let container: unknown = bases;
    let value: unknown = bases;
    let key = '';
    for (key of marker.path.split('.')) {
      container = value;
      const entry = isAnyDict(container) ? findEntry(container, key) : undefined;
      if (!entry) {
        if (failed.has(marker)) return null;
        failed.add(marker);
        const keys = isAnyDict(container) ? entriesOf(container).map(([k]) => String(k)) : [];
        const near = nearest(key, keys);
        diagnostics.push({
          severity: 'error',
          code: isAnyDict(container) ? 'missing-key' : 'wrong-type',
          message: isAnyDict(container)
            ? `{{_base_.${marker.path}}} must name a value of the base config, but it has no '${key}'`
            : `{{_base_.${marker.path}}} must go through dicts only, but the value before '${key}' is none`,
          span: markerSpan(marker),
          hint: near ? `did you mean '${near}'?` : undefined,
        });
        return null;
      }
      value = entry.value;
    }
    return { value: deepCopy(value), isFloat: isFloatEntry(container as object, key) };
  };

  const visit = (value: unknown, put: (fresh: unknown, isFloat: boolean) => void): void => {
    if (typeof value === 'string') {
      const marker = markers.get(value);
      if (marker) {
        const found = find(marker);
        if (found) put(found.value, found.isFloat);
      } else warnInside(value);
    } else if (Array.isArray(value)) {
      const array: unknown[] = value;
      array.forEach((item, i) => {
        visit(item, (fresh, isFloat) => {
          array[i] = fresh;
          mark(array, i, isFloat);
        });
      });
    } else if (isDict(value)) {
      for (const key of dictKeys(value)) {
        visit(value[key], (fresh, isFloat) => {
          setEntry(value, key, fresh);
          mark(value, key, isFloat);
        });
      }
    } else if (value instanceof KeyedDict) {
      for (const [key, item] of value) {
        visit(item, (fresh, isFloat) => {
          value.set(key, fresh);
          mark(value, String(key), isFloat);
        });
      }
    }
  };

  const warnInside = (text: string): void => {
    for (const [name, marker] of markers) {
      if (warned.has(marker) || !text.includes(name)) continue;
      warned.add(marker);
      diagnostics.push({
        severity: 'warning',
        code: 'base-variable-in-expression',
        message: `{{_base_.${marker.path}}} is only replaced where it is a whole value, but here it is part of an expression or text`,
        span: markerSpan(marker),
        hint: 'compute the value in the base config, or write it out here',
      });
    }
  };

  visit(dict, () => undefined);
  return diagnostics;
}

function mark(container: object, key: string | number, isFloat: boolean): void {
  const source = sourceOf(container, key);
  if (source) setSource(container, key, { ...source, isFloat });
}
