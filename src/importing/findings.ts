import type { ImportItem } from './types.ts';

type Kind = 'warnings' | 'skipped' | 'notes';

// A file with a thousand broken lines needs no thousand entries: after this many, one entry counts the rest.
const MAX_MESSAGES_PER_ITEM = 20;

/** Collects what an import finds. Equal findings about one item become one entry with a count. */
export class Findings {
  readonly #items = new Map<
    string,
    { kind: Kind; code: string; item: string; message: string; count: number }
  >();

  readonly #messages = new Map<string, number>();

  /** Something was repaired or may be wrong. */
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
    const about = `${kind}\0${code}\0${item}`;
    const used = this.#messages.get(about) ?? 0;
    let key = `${about}\0${message}`;
    if (!this.#items.has(key) && used >= MAX_MESSAGES_PER_ITEM) key = about;
    const known = this.#items.get(key);
    if (known) {
      known.count += 1;
      return;
    }
    if (key !== about) this.#messages.set(about, used + 1);
    const shown = key === about ? `${item}: more findings of this kind` : message;
    this.#items.set(key, { kind, code, item, message: shown, count: 1 });
  }
}
