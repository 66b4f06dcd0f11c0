// Runs `config.json` and `config_syntax.json` against the config language.

import type { ParityCaseResult, ParityOutcome, ParitySuite, FixtureCase, FixtureFile } from './types.ts';
import { failed, passed } from './types.ts';
import { loadConfig, loadConfigText, type ConfigDict, type LoadedConfig } from '../../src/config/config.ts';
import { parseOptionValue } from '../../src/config/cfgOptions.ts';
import { decodeValue, encodeValue } from '../../src/config/encode.ts';
import { mergeAIntoB } from '../../src/config/merge.ts';
import { ConfigError } from '../../src/errors/trainerError.ts';
import { dictKeys, isDict } from '../../src/lang/plain.ts';
import { checkCustomImports } from '../../src/usercode/index.ts';
import { runSyntaxCases } from './configSyntax.ts';

/** Python exceptions that each diagnostic code stands for. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  syntax: ['SyntaxError', 'IndentationError', 'TabError'],
  'unknown-name': ['NameError', 'UnboundLocalError'],
  'wrong-type': ['TypeError'],
  'bad-value': ['ValueError', 'UnicodeDecodeError'],
  'missing-key': ['KeyError'],
  'index-out-of-range': ['IndexError'],
  'unknown-attribute': ['AttributeError'],
  'division-by-zero': ['ZeroDivisionError'],
  overflow: ['OverflowError'],
  'unknown-module': ['ModuleNotFoundError', 'ImportError'],
  'import-failed': ['ImportError', 'ModuleNotFoundError'],
  'assertion-failed': ['AssertionError'],
  'too-deep': ['RecursionError'],
  'too-large': ['MemoryError', 'OverflowError'],
  'stop-iteration': ['StopIteration'],
  'runtime-error': ['RuntimeError'],
  raised: ['Exception'],
  'file-not-found': ['FileNotFoundError'],
  'file-type': ['OSError'],
  'bad-json': ['JSONDecodeError'],
  'bad-yaml': ['ParserError', 'ScannerError', 'ComposerError', 'ConstructorError', 'YAMLError'],
  // MMCV's `.get` and `in` on something that isn't a dict.
  'not-a-dict': ['AttributeError', 'TypeError'],
  'empty-config': ['TypeError'],
  'bad-base': ['TypeError'],
  'base-cycle': ['RecursionError'],
  'duplicate-base-key': ['KeyError'],
  'reserved-key': ['KeyError'],
  'bad-custom-imports': ['TypeError'],
  'merge-clash': ['TypeError'],
  'bad-list-index': ['TypeError'],
  'list-index': ['KeyError'],
  'merge-list-element': ['AttributeError'],
  'option-conflict': ['TypeError', 'AttributeError'],
  'bad-option': ['ValueError'],
  'unbalanced-brackets': ['AssertionError'],
  'ambiguous-list': ['RecursionError'],
};

export const suite: ParitySuite = {
  files: ['config.json', 'config_syntax.json'],
  async run(fixture: FixtureFile, file: string): Promise<ParityCaseResult[]> {
    if (file === 'config_syntax.json') return runSyntaxCases(fixture, file);
    const results: ParityCaseResult[] = [];
    for (const testCase of fixture.cases) {
      let outcome: ParityOutcome;
      try {
        outcome = await runCase(testCase);
      } catch (error) {
        outcome = failed(error instanceof Error ? `threw ${error.name}: ${error.message}` : String(error));
      }
      results.push({ file, id: testCase.id, outcome });
    }
    return results;
  },
};

function runCase(testCase: FixtureCase): Promise<ParityOutcome> | ParityOutcome {
  switch (testCase.kind) {
    case 'config':
      return configCase(testCase);
    case 'dict_action':
      return orError(testCase, () => parseOptionValue(String(testCase.value)));
    case 'merge_a_into_b':
      return orError(testCase, () =>
        mergeAIntoB(
          decodeValue(testCase.a) as ConfigDict,
          decodeValue(testCase.b) as ConfigDict,
          testCase.allow_list_keys === true,
        ),
      );
    case 'fromstring':
      return fromStringCase(testCase);
    case 'real_mmdet_config':
      return realConfigCase(testCase);
    default:
      return failed(`the kind '${String(testCase.kind)}' is not known`);
  }
}

/** Compare with `out`, or a thrown ConfigError with `error`. */
function orError(testCase: FixtureCase, run: () => unknown): ParityOutcome {
  try {
    return compareOut(testCase, run());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return compareError(testCase, error.code, error.message);
  }
}

function expectedError(testCase: FixtureCase): { type: string; observed_message: string } | undefined {
  return testCase.error as { type: string; observed_message: string } | undefined;
}

function compareError(testCase: FixtureCase, code: string, message: string): ParityOutcome {
  const expected = expectedError(testCase);
  if (!expected) return failed(`expected a value, got the error ${code}: ${message}`);
  if (EXCEPTIONS[code]?.includes(expected.type)) return passed;
  return failed(`expected ${expected.type} (${expected.observed_message}), got ${code}: ${message}`);
}

function compareOut(testCase: FixtureCase, value: unknown): ParityOutcome {
  const expected = expectedError(testCase);
  const got = canonical(encodeValue(value));
  if (expected) return failed(`expected ${expected.type} (${expected.observed_message}), got ${got}`);
  const want = canonical(testCase.out);
  return got === want ? passed : failed(`expected ${want.slice(0, 400)}, got ${got.slice(0, 400)}`);
}

/** JSON with sorted keys; what MMCV draws at random (marker suffixes, temporary module names) is made equal. */
function canonical(value: unknown): string {
  const sorted = (v: unknown): unknown => {
    if (Array.isArray(v)) return v.map(sorted);
    if (!isDict(v)) return v;
    if (typeof v.__class__ === 'string') return { __class__: v.__class__.split('.').pop() };
    const keys = Object.keys(v).sort();
    // Pairs, not an object: integer-like keys would reorder.
    return { pairs: keys.map((k) => [k, sorted(v[k])]) };
  };
  return JSON.stringify(sorted(value)).replace(/(_[\w.]+?_)[0-9a-f]{6}(?![0-9a-f])/g, '$1??????');
}

async function configCase(testCase: FixtureCase): Promise<ParityOutcome> {
  const root = String(testCase.root);
  const files = testCase.files as Record<string, string>;
  const main = `${root}/${String(testCase.main)}`;
  const read = (path: string): Promise<string | null> => {
    const name = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
    return Promise.resolve(Object.hasOwn(files, name) ? (files[name] ?? null) : null);
  };
  const usePredefinedVariables = testCase.use_predefined_variables !== false;
  const loaded = await loadConfig(main, read, { usePredefinedVariables, check: checkCustomImports });
  const first = firstError(loaded);
  if (first) return compareError(testCase, first.code, first.message);
  let { config } = loaded;
  if (!config) return failed('no config and no error');
  if (testCase.merge_from_dict) {
    try {
      config = config.mergeFromDict(
        decodeValue(testCase.merge_from_dict) as ConfigDict,
        testCase.allow_list_keys !== false,
      );
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return compareError(testCase, error.code, error.message);
    }
  }
  const out = compareOut(testCase, config.dict);
  if (out.status !== 'passed') return out;
  const keyOrder = testCase.key_order as string[] | undefined;
  if (keyOrder && JSON.stringify(dictKeys(config.dict)) !== JSON.stringify(keyOrder)) {
    return failed(`expected the key order ${keyOrder.join()}, got ${dictKeys(config.dict).join()}`);
  }
  const wanted = ((testCase.warnings as { observed_message: string }[] | undefined) ?? []).map(
    (w) => w.observed_message,
  );
  const got = loaded.diagnostics.filter((d) => d.code === 'deprecated-config').map((d) => d.message);
  if (JSON.stringify(wanted) !== JSON.stringify(got))
    return failed(`expected the warnings ${wanted.join()}, got ${got.join()}`);
  if (typeof testCase.pretty_text === 'string' && config.prettyText() !== testCase.pretty_text) {
    return failed(`pretty_text differs:\n${config.prettyText()}`);
  }
  const access = compareAccess(config.dict, testCase.access);
  return access.status === 'passed' ? roundTrip(config.dict, config.prettyText()) : access;
}

/**
 * What MMCV's Config gives for expressions such as `cfg.model.type`, `cfg["a"]`, `cfg.get("b", 3)` or `"a" in cfg`; here a config is
 * plain data.
 * @param access by expression the value, or the type of the exception as `error`
 */
function compareAccess(dict: ConfigDict, access: unknown): ParityOutcome {
  if (access === undefined) return passed;
  if (!isDict(access)) return failed(`access is not understood: ${JSON.stringify(access)}`);
  for (const [expression, wanted] of Object.entries(access)) {
    const got = lookUp(dict, expression);
    const wantsError = isDict(wanted) && ('error' in wanted || 'type' in wanted) && got === undefined;
    if (wantsError) continue;
    if (got === undefined || canonical(encodeValue(got)) !== canonical(wanted))
      return failed(`${expression}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
  }
  return passed;
}

/** @returns undefined where nothing is there */
function lookUp(dict: ConfigDict, expression: string): unknown {
  const [, asked] = /^["'](\w+)["'] in \w+$/.exec(expression) ?? [];
  if (asked !== undefined) return Object.hasOwn(dict, asked);
  let value: unknown = dict;
  for (const [, name, index, quoted, key, otherwise] of expression
    .replace(/^(cfg|c|config)\b(?=[.[])/, '')
    .replace(/^(?=\w)/, '.')
    .matchAll(/\.(?!get\()(\w+)|\[(-?\d+)\]|\[["'](.+?)["']\]|\.get\(["'](.+?)["'](?:, *(.+?))?\)/g)) {
    const at = name ?? quoted ?? key ?? '';
    if (index !== undefined)
      value = Array.isArray(value) ? (value as unknown[]).at(Number(index)) : undefined;
    else value = isDict(value) && Object.hasOwn(value, at) ? value[at] : undefined;
    if (value === undefined && key !== undefined)
      value = otherwise === undefined ? null : JSON.parse(otherwise);
    if (value === undefined) return undefined;
  }
  return value;
}

/** The dumped text must read back to the same values. */
async function roundTrip(dict: ConfigDict, text: string): Promise<ParityOutcome> {
  const want = canonical(encodeValue(dict));
  // A class, a function or a date has no text that reads back.
  if (want.includes('__repr__') || want.includes('__class__')) return passed;
  // `_base_` text left in a dump would be resolved again; `_delete_` and the rest are plain data without a base.
  const again = await loadConfigText(text, '.py', { usePredefinedVariables: false });
  const first = firstError(again);
  if (first) return failed(`the dumped text does not load: ${first.message}\n${text.slice(0, 400)}`);
  const got = canonical(encodeValue(again.config?.dict ?? null));
  return got === want ? passed : failed(`the dumped text reads back differently: ${got.slice(0, 300)}`);
}

async function fromStringCase(testCase: FixtureCase): Promise<ParityOutcome> {
  const loaded = await loadConfigText(String(testCase.text), String(testCase.file_format));
  const first = firstError(loaded);
  if (first) return compareError(testCase, first.code, first.message);
  return compareOut(testCase, loaded.config?.dict ?? null);
}

/**
 * The source texts are not part of the fixtures, so what can be checked is that such a config, written out by us, reads back the same
 * with every tuple, list and float kept.
 */
async function realConfigCase(testCase: FixtureCase): Promise<ParityOutcome> {
  const dict = decodeValue(testCase.out) as ConfigDict;
  const dumped = (await import('../../src/config/dump.ts')).dumpText(dict);
  return roundTrip(dict, dumped);
}

function firstError(loaded: LoadedConfig): LoadedConfig['diagnostics'][number] | undefined {
  return loaded.diagnostics.find((d) => d.severity === 'error');
}
