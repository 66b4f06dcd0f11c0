import type { ImportItem } from './types.ts';

type Kind = 'warnings' | 'skipped' | 'notes';

/** Collects what an import finds. Equal findings about one item become one entry with a count. */
export class Findings {
  readonly #items = new Map<
    string,
    { kind: Kind; code: string; item: string; message: string; count: number }
  >();

  /** Something was repaired or may be wrong. The first message about an item stays. */
  warn(code: string, item: string, message: string): void {
    this.#add('warnings', code, item, message);
  }

  /** An item was left out. */
  skip(code: string, item: string, message: string): void {
    this.#add('skipped', code, item, message);
  }

  /** No fault, but good to know. */
  note(code: string, item: string, message: string): void {
    this.#add('notes', code, item, message);
  }

  /** In the order of first appearance. */
  list(kind: Kind): ImportItem[] {
    return [...this.#items.values()]
      .filter((entry) => entry.kind === kind)
      .map(({ code, item, message, count }) => ({ code, item, message, count }));
  }

  #add(kind: Kind, code: string, item: string, message: string): void {
    const key = `${kind}\0${code}\0${item}`;
    const known = this.#items.get(key);
    if (known) known.count += 1;
    else this.#items.set(key, { kind, code, item, message, count: 1 });
  }
}
