// Reading of fixture values and comparing of results, shared by the suites.

import { Tuple } from '../../src/util/tuple.ts';
import {
  failed,
  type FixtureCase,
  type FixtureFile,
  type ParityCaseResult,
  type ParityOutcome,
} from './types.ts';

/** Run every case; what one throws is its own failure. */
export async function runCases(
  fixture: FixtureFile,
  file: string,
  runCase: (one: FixtureCase) => ParityOutcome | Promise<ParityOutcome>,
): Promise<ParityCaseResult[]> {
  const results: ParityCaseResult[] = [];
  for (const one of fixture.cases) {
    let outcome: ParityOutcome;
    try {
      outcome = await runCase(one);
    } catch (error) {
      outcome = failed(`threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
    }
    results.push({ file, id: one.id, outcome });
  }
  return results;
}

const NON_FINITE: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity };

/** Undo the fixtures' tags: tuples, floats, big integers, and non-finite numbers written as strings. */
export function decodeValue(value: unknown): unknown {
  if (typeof value === 'string') return NON_FINITE[value] ?? value;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only && entries.length === 1) {
    const [key, inner] = only;
    if (key === '__tuple__') return Tuple.of(...(inner as unknown[]).map(decodeValue));
    if (key === '__float__' || key === '__int__') return Number(inner);
  }
  return Object.fromEntries(entries.map(([key, inner]) => [key, decodeValue(inner)]));
}

/**
 * The first difference between two values, as a failure; undefined when they agree.
 * @param tolerance largest difference of two numbers, absolute below 1 and relative above
 */
export function diffNumbers(
  where: string,
  got: unknown,
  wanted: unknown,
  tolerance: number,
): ParityOutcome | undefined {
  if (typeof wanted === 'number' && typeof got === 'number') {
    if (Object.is(got, wanted) || got === wanted) return undefined;
    const error = Math.abs(got - wanted) / Math.max(1, Math.abs(wanted));
    if (error <= tolerance) return undefined;
    return failed(`${where}: got ${got}, wanted ${wanted}`);
  }
  if (Array.isArray(wanted) && Array.isArray(got)) {
    if (got.length !== wanted.length) {
      return failed(`${where}: got ${got.length} values, wanted ${wanted.length}`);
    }
    for (let i = 0; i < wanted.length; i++) {
      const difference = diffNumbers(`${where}[${i}]`, got[i], wanted[i], tolerance);
      if (difference) return difference;
    }
    return undefined;
  }
  if (isRecord(wanted) && isRecord(got)) {
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
      const difference = diffNumbers(`${where}.${key}`, got[key], wanted[key], tolerance);
      if (difference) return difference;
    }
    return undefined;
  }
  return Object.is(got, wanted)
    ? undefined
    : failed(`${where}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
