import { expect, expectTypeOf, test } from 'vitest';
import { setSource } from '../../lang/sourceMap.ts';
import { Tuple } from '../../util/tuple.ts';
import { cfgProblems } from '../cfgProblems.ts';
import { createRunRegistries } from '../registries.ts';
import {
  above,
  also,
  argDocs,
  atLeast,
  atMost,
  between,
  bool,
  built,
  declareArgs,
  dict,
  dictOf,
  int,
  lessThan,
  listOf,
  number,
  oneOf,
  oneOrMore,
  optional,
  orNone,
  pairOf,
  required,
  str,
  unsupported,
  withDefaults,
  type ArgsOf,
  type Kind,
} from './index.ts';

const saysOf = (kind: Kind<never> | Kind<unknown>, value: unknown): string | undefined =>
  kind.fault(value)?.says;

test('a kind says what a value must be', () => {
  const refused: [Kind<never> | Kind<unknown>, unknown, string][] = [
    [atLeast(int, 1), 0, 'must be a whole number of at least 1, but got 0'],
    [int, 1e300, 'must be a whole number, but got 1e+300'],
    [above(number, 0), -1, 'must be a number greater than 0, but got -1'],
    [atMost(number, 0), 1, 'must be a number of at most 0, but got 1'],
    [lessThan(number, 100), 100, 'must be a number less than 100, but got 100'],
    [between(number, 0, 1), 1.5, 'must be a number from 0 to 1, but got 1.5'],
    [oneOf('range', 'value'), 'both', "must be 'range' or 'value', but got 'both'"],
    [orNone(str), 3, 'must be a string or None, but got 3'],
    [also(atLeast(int, 1), -1), 0, 'must be a whole number of at least 1 or -1, but got 0'],
    [listOf(int), [1, 'a'], "must be a list or tuple of whole numbers, but got [1, 'a']"],
    [listOf(int, 4), [1], 'must be a list or tuple of 4 whole numbers, but got [1]'],
    [pairOf(above(number, 0)), [1], 'must be a list or tuple of two numbers greater than 0, but got [1]'],
    [oneOrMore(str), [1], 'must be a string or a list or tuple of strings, but got [1]'],
    [unsupported(), 'DCN', "='DCN' is not supported"],
  ];
  for (const [kind, value, says] of refused) expect(saysOf(kind, value)).toBe(says);
});

test('a kind takes what fits', () => {
  const taken: [Kind<never> | Kind<unknown>, unknown][] = [
    [also(atLeast(int, 1), -1), -1],
    [orNone(str), null],
    [pairOf(number), Tuple.of(1, 2)],
    [unsupported('cv2'), 'cv2'],
    [unsupported(), null],
  ];
  for (const [kind, value] of taken) expect(kind.fault(value)).toBeNull();
});

const ARGS = declareArgs({
  depth: required(oneOf(18, 50), 'Number of layers.'),
  frozen_stages: optional(atLeast(int, -1), -1, 'Stages that are not trained.', 'stages'),
  norm_eval: optional(bool, true, 'Keep the running statistics.'),
  grad_clip: optional(
    orNone(dictOf(declareArgs({ max_norm: required(above(number, 0), 'The norm.') }))),
    null,
    'Clip.',
  ),
  neck: optional(orNone(built('MODELS', ['width'])), null, 'What follows.'),
});

test('a table gives the type of the constructor, and its defaults', () => {
  expectTypeOf<ArgsOf<typeof ARGS>>().toMatchTypeOf<{ depth: 18 | 50; frozenStages?: number }>();
  const args = withDefaults(ARGS, { depth: 50, normEval: false });
  expectTypeOf(args.frozenStages).toEqualTypeOf<number>();
  expect(args).toEqual({ depth: 50, frozenStages: -1, normEval: false, gradClip: null, neck: null });
});

test('a table is documentation', () => {
  expect(argDocs(ARGS).slice(0, 2)).toEqual([
    { name: 'depth', kind: '18 | 50', isRequired: true, default: null, unit: null, help: 'Number of layers.', choices: ['18', '50'], builds: null, part: null, builtType: null, gives: [], keys: [], entries: [], variants: null }, // prettier-ignore
    { name: 'frozen_stages', kind: 'int ≥ -1', isRequired: false, default: '-1', unit: 'stages', help: 'Stages that are not trained.', choices: [], builds: null, part: null, builtType: null, gives: [], keys: [], entries: [], variants: null }, // prettier-ignore
  ]);
  expect(argDocs(ARGS)[3]?.keys.map(({ name }) => name)).toEqual(['max_norm']);
});

test('all that is wrong in a dict and below it is found without building anything', () => {
  const registries = createRunRegistries();
  class Net {
    static readonly args = ARGS;
    constructor() {
      throw new Error('never built');
    }
  }
  class Neck {
    static readonly args = declareArgs({
      width: required(int, 'Channels.'),
      cfg: optional(dict, {}, 'More.'),
    });
  }
  registries.MODELS.registerModule(Net);
  registries.MODELS.registerModule(Neck);
  const cfg = {
    type: 'Net',
    depht: 50,
    frozen_stages: 'all',
    grad_clip: { max_norm: -1 },
    neck: { type: 'Neck', cgf: {} },
  };
  const span = { file: 'a.py', from: 5, to: 10, line: 1, column: 6, endLine: 1, endColumn: 11 };
  setSource(cfg, 'depht', { span });
  const problems = cfgProblems(cfg, 'MODELS', registries, 'model');
  expect(problems.map(({ path, at, message, hint }) => ({ path, at, message, hint }))).toEqual([
    { path: 'model.depht', at: 'key', message: "Net got an unexpected argument 'depht'", hint: "did you mean 'depth'?" },
    { path: 'model.frozen_stages', at: 'value', message: "Net: frozen_stages must be a whole number of at least -1, but got 'all'", hint: undefined },
    { path: 'model.grad_clip.max_norm', at: 'value', message: 'Net: grad_clip.max_norm must be a number greater than 0, but got -1', hint: undefined },
    { path: 'model.neck.cgf', at: 'key', message: "Neck got an unexpected argument 'cgf'", hint: "did you mean 'cfg'?" },
  ]); // prettier-ignore
  expect(problems[0]?.span).toEqual(span);
  expect(cfgProblems({ type: 'Nett' }, 'MODELS', registries, 'model')[0]).toMatchObject({
    code: 'unknown-type',
    path: 'model.type',
    hint: "did you mean 'Net'?",
  });
});
