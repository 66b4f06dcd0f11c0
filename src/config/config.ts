// The resolved config and how to load it. Source: mmcv 1.7.2 Config.

import type { Diagnostic } from '../errors/diagnostic.ts';
import type { Span } from '../errors/span.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { dictKeys, isDict, KeyedDict } from '../lang/plain.ts';
import { sourceOf } from '../lang/sourceMap.ts';
import { nestOptions } from './cfgOptions.ts';
import { dumpText } from './dump.ts';
import { type EncodedValue, encodeValue } from './encode.ts';
import { FileLoader, type ReadText } from './fileLoader.ts';
import { deepCopy, mergeAIntoB } from './merge.ts';

export type { ReadText } from './fileLoader.ts';
export type ConfigDict = { [key: string]: unknown };

const RESERVED_KEYS = ['filename', 'text', 'pretty_text'];

export interface LoadOptions {
  /** Dotted keys and values merged last, as `--cfg-options` does. */
  readonly cfgOptions?: ConfigDict;
  /** Replace `{{ fileDirname }}` and its kin in the main file. Default true; bases always do, as in MMCV. */
  readonly usePredefinedVariables?: boolean;
  /** What else to look for in the resolved dict, such as the modules of `custom_imports`. */
  readonly check?: CheckDict;
}

/** @param fallback the place of what has none of its own */
export type CheckDict = (
  dict: ConfigDict,
  readText: ReadText,
  fallback: Span,
) => Promise<readonly Diagnostic[]>;

export interface LoadedConfig {
  /** Null when any diagnostic is an error. */
  readonly config: Config | null;
  readonly diagnostics: Diagnostic[];
  /** Every file read, main first. */
  readonly files: string[];
}

/** A resolved config. `dict` is plain data; treat it as read-only. */
export class Config {
  readonly filename: string;
  readonly dict: ConfigDict;
  /** The texts it came from, bases first, each after its path. */
  readonly text: string;

  constructor(dict: ConfigDict, filename = '', text = '') {
    const reserved = dictKeys(dict).find((key) => RESERVED_KEYS.includes(key));
    if (reserved !== undefined) {
      throw new ConfigError(`the name '${reserved}' must not be set in a config, it is reserved`, {
        code: 'reserved-key',
        path: reserved,
        span: sourceOf(dict, reserved)?.span,
        hint: 'choose another name',
      });
    }
    this.dict = dict;
    this.filename = filename;
    this.text = text;
  }

  /**
   * The value at a dotted path, such as `model.backbone.depth` or `workflow.0.1`; undefined where there is none.
   */
  get(path: string): unknown {
    let value: unknown = this.dict;
    for (const key of path.split('.')) {
      if (Array.isArray(value)) value = /^\d+$/.test(key) ? (value as unknown[])[Number(key)] : undefined;
      else if (value instanceof KeyedDict)
        value = value.get(/^-?\d+$/.test(key) && !value.has(key) ? Number(key) : key);
      else if (isDict(value)) value = Object.hasOwn(value, key) ? value[key] : undefined;
      else return undefined;
    }
    return value;
  }

  /** Where the value at a dotted path was written. */
  spanOf(path: string): Span | undefined {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const container = keys.length === 0 ? this.dict : this.get(keys.join('.'));
    if (typeof container !== 'object' || container === null) return undefined;
    return sourceOf(container, last)?.span;
  }

  /** Python text that evaluates to the same values, laid out as MMCV's `pretty_text`. */
  prettyText(): string {
    return dumpText(this.dict);
  }

  /** The values as JSON that tells tuples, infinities, large ints and non-text keys (`{"__tuple__": […]}` and kin). */
  toJSON(): EncodedValue {
    return encodeValue(this.dict);
  }

  /**
   * A new config with dotted options merged in; digit keys index lists.
   * @throws ConfigError as {@link mergeAIntoB} does
   */
  mergeFromDict(options: ConfigDict, allowListKeys = true): Config {
    return new Config(mergeAIntoB(nestOptions(options), this.dict, allowListKeys), this.filename, this.text);
  }
}

/** Load a config with its bases and options. Never throws for bad text: see the diagnostics. */
export async function loadConfig(
  main: string,
  readText: ReadText,
  options: LoadOptions = {},
): Promise<LoadedConfig> {
  const cache = new Map<string, Promise<string | null>>();
  const readOnce: ReadText = (path) => {
    const known = cache.get(path);
    if (known) return known;
    const reading = readText(path);
    cache.set(path, reading);
    return reading;
  };
  const loader = new FileLoader(readOnce);
  const { diagnostics, files } = loader;
  const hasErrors = (): boolean => diagnostics.some((d) => d.severity === 'error');
  const start: Span = { file: main, from: 0, to: 0, line: 1, column: 1, endLine: 1, endColumn: 1 };
  const loaded = await loader.load(main, options.usePredefinedVariables ?? true, null);
  if (!loaded || hasErrors()) return { config: null, diagnostics, files };
  if (options.check) diagnostics.push(...(await options.check(loaded.dict, readOnce, start)));
  let config: Config | null = null;
  try {
    config = new Config(deepCopy(loaded.dict), main, loaded.text);
    if (options.cfgOptions && dictKeys(options.cfgOptions).length > 0)
      config = config.mergeFromDict(options.cfgOptions);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    diagnostics.push(toDiagnostic(error, start));
  }
  return { config: hasErrors() ? null : config, diagnostics, files };
}

/** @throws ConfigError carrying the first error of {@link loadConfig} */
export async function loadConfigOrThrow(
  main: string,
  readText: ReadText,
  options: LoadOptions = {},
): Promise<Config> {
  const { config, diagnostics } = await loadConfig(main, readText, options);
  const first = diagnostics.find((d) => d.severity === 'error');
  if (first) throw new ConfigError(first.message, { code: first.code, span: first.span, hint: first.hint });
  if (!config) throw new ConfigError(`the config '${main}' can not be read`, { code: 'file-not-found' });
  return config;
}

/**
 * Load a config from text alone, such as one typed into the page.
 * @param format the kind of text; `.py`, `.json`, `.yaml` or `.yml`
 */
export function loadConfigText(
  text: string,
  format: string,
  options: LoadOptions = {},
): Promise<LoadedConfig> {
  const name = `text${format}`;
  return loadConfig(name, (path) => Promise.resolve(path === name ? text : null), options);
}

function toDiagnostic(error: ConfigError, fallback: Span): Diagnostic {
  return {
    severity: 'error',
    code: error.code,
    message: error.message,
    span: error.span ?? fallback,
    hint: error.hint,
  };
}
