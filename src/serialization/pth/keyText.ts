import { Tuple } from '../../util/tuple.ts';
import { PyObjectStub } from './values.ts';

/** A dict's key as text. */
export function keyText(key: unknown): string {
  if (key instanceof Tuple) return `(${key.map(keyText).join(', ')})`;
  return key instanceof PyObjectStub ? key.qualifiedName : String(key);
}
