// What MLflow takes as the name of a metric, a parameter or a tag.
// Source: github.com/mlflow/mlflow, `mlflow/utils/validation.py`: letters, digits, `_`, `-`, `.`, `/` and spaces (newer
// servers take `:` too), at most 250 characters, and nothing that a path would be shortened to.

const MAX_NAME_CHARS = 250;

/**
 * The nearest name that every MLflow server takes.
 * @example validMlflowName('val/AR@100') // 'val/AR_at_100'
 */
export function validMlflowName(name: string): string {
  const segments = name
    .replace(/@/g, '_at_')
    .replace(/[^\p{L}\p{N}_/.\- ]/gu, '_')
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .map((segment) => (segment === '..' ? '_' : segment));
  const valid = segments.join('/') || '_';
  // The end is cut: what tells two long names apart stays, as a hash.
  return valid.length <= MAX_NAME_CHARS ? valid : `${valid.slice(0, MAX_NAME_CHARS - 9)}_${hashOf(name)}`;
}

/** Names on their way to MLflow: each keeps the spelling that it got first, and no two get the same. */
export class MlflowNames {
  readonly #onChange: (name: string, valid: string) => void;
  readonly #valid = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** @param onChange hears once of each name that can't stay as it is */
  constructor(onChange: (name: string, valid: string) => void) {
    this.#onChange = onChange;
  }

  valid(name: string): string {
    const known = this.#valid.get(name);
    if (known !== undefined) return known;
    let valid = validMlflowName(name);
    if (this.#taken.has(valid)) valid = `${valid.slice(0, MAX_NAME_CHARS - 9)}_${hashOf(name)}`;
    this.#valid.set(name, valid);
    this.#taken.add(valid);
    if (valid !== name) this.#onChange(name, valid);
    return valid;
  }
}

/** FNV-1a over UTF-16 units: 8 hex digits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
