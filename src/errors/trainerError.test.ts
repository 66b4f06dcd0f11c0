import { expect, test } from 'vitest';
import { PlanError } from '../plan/problemOf.ts';
import { ZipError } from '../serialization/zip/zipError.ts';
import { RemoteError } from '../worker/channel.ts';
import type { TrainerError } from './trainerError.ts';
import { ConfigError, toErrorReport } from './trainerError.ts';

const path = 'data.train.pipeline[2]';
const code = 'zip-truncated';
const errors: TrainerError[] = [
  new ConfigError('the scale must be positive', { code, path, hint: 'try 1' }),
  new RemoteError({
    ...toErrorReport(new ConfigError('the scale must be positive', { code, path })),
    hint: 'try 1',
  }),
  new PlanError({ severity: 'error', message: 'the scale must be positive', code, path, hint: 'try 1' }),
  new ZipError(code, 'the scale must be positive', { path, hint: 'try 1' }),
];

test.each(errors.map((error) => [error.constructor.name, error] as const))(
  '%s: a copy with a place keeps what was known, whatever its constructor takes',
  (_, error) => {
    const span = { file: 'a.py', from: 3, to: 5, line: 1, column: 4, endLine: 1, endColumn: 6 };
    const { name, isInputError, hint } = error;
    const copy = error.with({ span });
    expect(copy).toMatchObject({ name, code, path, hint, span, isInputError: true });
    expect([isInputError, hint]).toEqual([true, 'try 1']);
    expect(copy.message).toBe('the scale must be positive');
    expect(copy.cause).toBe(error);
    expect(copy).toBeInstanceOf(error.constructor);
    expect(error.span).toBeUndefined();
    expect(copy.format()).toContain('a.py');
  },
);

test('a copy may say more', () => {
  const error = new ConfigError('depth must be 50', { code: 'bad-value' });
  const copy = error.with({ message: `ResNet: ${error.message}`, path: 'model.backbone.depth' });
  expect(toErrorReport(copy)).toMatchObject({
    name: 'ConfigError',
    code: 'bad-value',
    message: 'ResNet: depth must be 50',
    path: 'model.backbone.depth',
  });
});
