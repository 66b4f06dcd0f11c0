// Reads a config file with its bases. Source: mmcv 1.7.2 Config._file2dict.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { checkSyntax, evaluateText, type LangDiagnostic } from '../lang/evaluate.ts';
import { LineIndex } from '../lang/lineIndex.ts';
import {
  deleteEntry,
  dictEntries,
  dictKeys,
  isDict,
  type PlainDict,
  plainTypeName,
  setEntry,
} from '../lang/plain.ts';
import { setSource, sourceOf } from '../lang/sourceMap.ts';
import { nearest } from '../util/nearest.ts';
import { Tuple } from '../util/tuple.ts';
import { parseJson } from './jsonText.ts';
import { mergeAIntoB } from './merge.ts';
import { baseName, extensionOf, folderOf, resolvePath } from './path.ts';
import { resolveBaseMarkers, substitute } from './placeholders.ts';

const BASE_KEY = '_base_';
const DEPRECATION_KEY = '_deprecation_';
const MAX_FILES = 200;

/** How files are read: the text of a path, or null when there is no such file. */
export interface ReadText {
  (path: string): Promise<string | null>;
}

export interface LoadedFile {
  readonly dict: PlainDict;
  /** Texts of this file and its bases as MMCV joins them: bases first, each with its path before it. */
  readonly text: string;
}

export class FileLoader {
  readonly diagnostics: Diagnostic[] = [];
  /** Every file read, in order. */
  readonly files: string[] = [];
  readonly #readText: ReadText;

  constructor(readText: ReadText) {
    this.#readText = readText;
  }

  /**
   * Read one file and merge it into its bases. Problems land in `diagnostics`.
   * @param via where an other config names this file, and the chain of files being read
   * @returns null when the file can't be read at all
   */
  async load(
    path: string,
    usePredefinedVariables: boolean,
    via: { span: Span; chain: readonly string[] } | null,
  ): Promise<LoadedFile | null> {
    const start: Span = { file: path, from: 0, to: 0, line: 1, column: 1, endLine: 1, endColumn: 1 };
    const place = via?.span ?? start;
    const extension = extensionOf(path);
    const text = this.files.length >= MAX_FILES ? null : await this.#readText(path);
    if (this.files.length >= MAX_FILES) {
      this.#error(
        'too-many-files',
        `a config must have at most ${MAX_FILES} files, but it names more`,
        place,
      );
      return null;
    }
    if (text === null) {
      await this.#missing(path, place, via !== null);
      return null;
    }
    if (!this.files.includes(path)) this.files.push(path);
    if (!['.py', '.json', '.yaml', '.yml'].includes(extension)) {
      this.#error(
        'file-type',
        `a config must be a .py, .json, .yaml or .yml file, but this is '${baseName(path)}'`,
        place,
      );
      return null;
    }
    const { source, markers } = substitute(text, path, usePredefinedVariables);
    const lines = new LineIndex(path, text);
    const spanOf = (from: number, to: number): Span =>
      lines.span(source.toOriginal(from), source.toOriginal(to));
    const originalSpan = (from: number, to: number): Span => lines.span(from, to);
    const before = this.diagnostics.length;
    let unknownNames: LangDiagnostic[] = [];
    let value: unknown;
    if (extension === '.py') {
      const origin = { file: path, original: text, toOriginal: source.toOriginal };
      const syntax = source.isChanged ? checkSyntax(text, { file: path }) : [];
      if (syntax.length > 0) {
        this.diagnostics.push(...syntax);
        return null;
      }
      const evaluated = evaluateText(source.text, origin);
      value = evaluated.value;
      unknownNames = evaluated.diagnostics.filter((d) => d.unknownName !== undefined);
      this.diagnostics.push(...evaluated.diagnostics);
    } else value = await this.#parseData(source.text, extension, spanOf);
    const hasFailed = this.diagnostics.length > before;
    if (value === undefined) return null;
    if (!isDict(value)) {
      const isEmpty = value === null;
      this.#error(
        isEmpty ? 'empty-config' : 'not-a-dict',
        `a config file must hold a dict, but ${baseName(path)} ${isEmpty ? 'is empty' : `holds a ${plainTypeName(value)}`}`,
        start,
      );
      return null;
    }
    this.#deprecation(value, path);
    const chain = [...(via?.chain ?? []), path];
    const bases = await this.#bases(value, path, chain);
    if (bases) {
      for (const d of unknownNames) this.#explainBaseName(d, bases.dict);
      this.diagnostics.push(...resolveBaseMarkers(value, markers, bases.dict, originalSpan));
    }
    const ownText = `${path}\n${text}`;
    if (!bases) return hasFailed ? null : { dict: value, text: ownText };
    try {
      return { dict: mergeAIntoB(value, bases.dict), text: [...bases.texts, ownText].join('\n') };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#error(error.code, error.message, error.span ?? start, error.hint);
      return null;
    }
  }

  #error(code: string, message: string, span: Span, hint?: string): void {
    this.diagnostics.push({ severity: 'error', code, message, span, hint });
  }

  async #parseData(
    text: string,
    extension: string,
    spanOf: (from: number, to: number) => Span,
  ): Promise<unknown> {
    if (extension === '.json') {
      const parsed = parseJson(text, spanOf);
      if ('value' in parsed) return parsed.value;
      this.diagnostics.push(parsed.error);
      return undefined;
    }
    const { parseYaml } = await import('./yamlText.ts');
    const parsed = await parseYaml(text, spanOf);
    if ('value' in parsed) return parsed.value;
    this.diagnostics.push(...parsed.errors);
    return undefined;
  }

  /** Say which path was tried, and whether the file lies one folder up or down from there. */
  async #missing(path: string, span: Span, isBase: boolean): Promise<void> {
    const parts = path.split('/');
    const candidates = new Set<string>();
    for (let drop = 1; drop < parts.length; drop++) {
      candidates.add(parts.slice(drop).join('/'));
      candidates.add(`configs/${parts.slice(drop).join('/')}`);
      candidates.add([...parts.slice(0, drop - 1), ...parts.slice(drop)].join('/'));
    }
    candidates.add(`${path}.py`);
    candidates.delete(path);
    let found: string | undefined;
    for (const candidate of [...candidates].slice(0, 16)) {
      if (found === undefined && (await this.#readText(candidate)) !== null) found = candidate;
    }
    const what = isBase ? `the base config '${path}' must exist` : `the config '${path}' must exist`;
    this.#error(
      'file-not-found',
      `${what}, but there is no such file`,
      span,
      found
        ? `there is '${found}'; a base is found relative to the folder of the file that names it`
        : undefined,
    );
  }

  #deprecation(dict: PlainDict, path: string): void {
    if (!Object.hasOwn(dict, DEPRECATION_KEY)) return;
    const info = dict[DEPRECATION_KEY];
    const span = sourceOf(dict, DEPRECATION_KEY)?.span;
    deleteEntry(dict, DEPRECATION_KEY);
    let message = `The config file ${path} will be deprecated in the future.`;
    if (isDict(info) && info.expected !== undefined)
      message += ` Please use ${String(info.expected)} instead.`;
    if (isDict(info) && info.reference !== undefined)
      message += ` More information can be found at ${String(info.reference)}`;
    this.diagnostics.push({
      severity: 'warning',
      code: 'deprecated-config',
      message,
      span: span ?? { file: path, from: 0, to: 0, line: 1, column: 1, endLine: 1, endColumn: 1 },
    });
  }

  /** Load what `_base_` names and put the bases side by side; the key leaves the dict. Null without `_base_`. */
  async #bases(
    dict: PlainDict,
    path: string,
    chain: readonly string[],
  ): Promise<{ dict: PlainDict; texts: string[] } | null> {
    if (!Object.hasOwn(dict, BASE_KEY)) return null;
    const named = dict[BASE_KEY];
    const span = sourceOf(dict, BASE_KEY)?.span ?? {
      file: path,
      from: 0,
      to: 0,
      line: 1,
      column: 1,
      endLine: 1,
      endColumn: 1,
    };
    deleteEntry(dict, BASE_KEY);
    const isList = Array.isArray(named) && !(named instanceof Tuple);
    const names: unknown[] = isList ? (named as unknown[]) : [named];
    const joined: PlainDict = {};
    const texts: string[] = [];
    const origin = new Map<string, string>();
    for (const [i, name] of names.entries()) {
      const at = (isList ? sourceOf(named as object, i)?.span : undefined) ?? span;
      if (typeof name !== 'string') {
        this.#error(
          'bad-base',
          `_base_ must be a str or a list of str, but got a ${plainTypeName(name)}`,
          at,
          name instanceof Tuple ? 'use square brackets: _base_ = […]' : undefined,
        );
        continue;
      }
      const scope = /^(\w+)::/.exec(name)?.[1];
      if (scope !== undefined) {
        this.#error(
          'scoped-base',
          `_base_ must name a file, but '${name}' names one of the installed package ${scope}, as MMDetection 3.x does`,
          at,
          `copy the file into the workspace and write its path, such as '../_base_/${baseName(name.slice(scope.length + 2))}'`,
        );
        continue;
      }
      const target = resolvePath(folderOf(path), name);
      if (chain.includes(target)) {
        const loop = [...chain.slice(chain.indexOf(target)), target].join(' -> ');
        this.#error('base-cycle', `a config must not be its own base, but ${loop}`, at);
        continue;
      }
      const loaded = await this.load(target, true, { span: at, chain });
      if (!loaded) continue;
      texts.push(loaded.text);
      const twice = dictKeys(loaded.dict).filter((key) => Object.hasOwn(joined, key));
      if (twice.length > 0) {
        this.#error(
          'duplicate-base-key',
          `two bases must not define the same name, but ${twice.map((k) => `'${k}' is in ${origin.get(k) ?? ''} and ${target}`).join(', ')}`,
          at,
          'keep it in one of them, or let one base build on the other',
        );
      }
      for (const [key, value] of dictEntries(loaded.dict)) {
        setEntry(joined, key, value);
        origin.set(key, target);
        const source = sourceOf(loaded.dict, key);
        if (source) setSource(joined, key, source);
      }
    }
    return { dict: joined, texts };
  }

  /** A name that only a base defines is no Python name here: say how to reach it. */
  #explainBaseName(diagnostic: LangDiagnostic, bases: PlainDict): void {
    const name = diagnostic.unknownName;
    const at = this.diagnostics.indexOf(diagnostic);
    if (name === undefined || at === -1) return;
    const near = Object.hasOwn(bases, name) ? name : nearest(name, dictKeys(bases));
    if (near === undefined || (near !== name && !diagnostic.hint?.startsWith('if it is'))) return;
    const hint =
      near === name
        ? `'${name}' belongs to the base config: write {{_base_.${name}}} to use its value`
        : `did you mean the base config's '${near}'? write {{_base_.${near}}}`;
    this.diagnostics[at] = { ...diagnostic, hint };
  }
}
