/** Class names in the order they were first seen; ids start at 1. */
export class CategoryList {
  readonly items: { id: number; name: string }[] = [];
  // A Map: names such as `__proto__` and `constructor` are names like any other.
  readonly #indexOf = new Map<string, number>();

  /** Index of a class, added when it is new. */
  add(name: string, id = this.items.length + 1): number {
    const known = this.#indexOf.get(name);
    if (known !== undefined) return known;
    this.#indexOf.set(name, this.items.length);
    this.items.push({ id, name });
    return this.items.length - 1;
  }

  indexOf(name: string): number | undefined {
    return this.#indexOf.get(name);
  }
}

/** A class name as it is shown and compared: trimmed, inner white space and line ends as one space. */
export const cleanName = (name: string): string => name.replace(/\s+/g, ' ').trim();
