// Which of equal values PyTorch's `topk` takes on a CPU. Sources: torch 1.13 ATen `TopKImpl.h` (which algorithm it uses), and
// libstdc++'s `nth_element` and `partial_sort` (where the algorithms leave equal values).

/**
 * The places of the k smallest values, in no order; of equal ones those that PyTorch takes.
 * @param values no NaN @param k at most values.length
 */
export function smallest(values: ArrayLike<number>, k: number): number[] {
  const n = values.length;
  const order = new Selection(values);
  if (k * 64 <= n) order.heapSelect(0, k, n);
  else if (k > 0) order.nthElement(k - 1);
  return order.places.slice(0, k);
}

class Selection {
  readonly places: number[];
  readonly #values: ArrayLike<number>;

  constructor(values: ArrayLike<number>) {
    this.#values = values;
    this.places = Array.from({ length: values.length }, (_, i) => i);
  }

  /** Bring the nth smallest to its place, smaller ones before it. */
  nthElement(nth: number): void {
    const { places } = this;
    let first = 0;
    let last = places.length;
    let depth = Math.floor(Math.log2(last)) * 2;
    while (last - first > 3) {
      if (depth === 0) {
        this.heapSelect(first, nth + 1, last);
        this.#swap(first, nth);
        return;
      }
      depth -= 1;
      const cut = this.#partition(first, last);
      if (cut <= nth) first = cut;
      else last = cut;
    }
    this.#insertionSort(first, last);
  }

  /** Bring the smallest of [first, last) into [first, middle). */
  heapSelect(first: number, middle: number, last: number): void {
    const length = middle - first;
    for (let parent = (length - 2) >> 1; parent >= 0; parent--)
      this.#adjustHeap(first, parent, length, this.#at(first + parent));
    for (let i = middle; i < last; i++) {
      if (!this.#less(this.#at(i), this.#at(first))) continue;
      const value = this.#at(i);
      this.places[i] = this.#at(first);
      this.#adjustHeap(first, 0, length, value);
    }
  }

  #partition(start: number, end: number): number {
    const pivot = start;
    this.#medianToFirst(start, start + 1, start + ((end - start) >> 1), end - 1);
    let first = start + 1;
    let last = end;
    for (;;) {
      while (this.#less(this.#at(first), this.#at(pivot))) first += 1;
      last -= 1;
      while (this.#less(this.#at(pivot), this.#at(last))) last -= 1;
      if (first >= last) return first;
      this.#swap(first, last);
      first += 1;
    }
  }

  #medianToFirst(result: number, a: number, b: number, c: number): void {
    const less = (x: number, y: number): boolean => this.#less(this.#at(x), this.#at(y));
    if (less(a, b)) this.#swap(result, less(b, c) ? b : less(a, c) ? c : a);
    else this.#swap(result, less(a, c) ? a : less(b, c) ? c : b);
  }

  #insertionSort(first: number, last: number): void {
    for (let i = first + 1; i < last; i++) {
      const value = this.#at(i);
      let hole = i;
      while (hole > first && this.#less(value, this.#at(hole - 1))) {
        this.places[hole] = this.#at(hole - 1);
        hole -= 1;
      }
      this.places[hole] = value;
    }
  }

  #adjustHeap(first: number, start: number, length: number, value: number): void {
    let hole = start;
    let child = start;
    while (child < (length - 1) >> 1) {
      child = 2 * (child + 1);
      if (this.#less(this.#at(first + child), this.#at(first + child - 1))) child -= 1;
      this.places[first + hole] = this.#at(first + child);
      hole = child;
    }
    if ((length & 1) === 0 && child === (length - 2) >> 1) {
      child = 2 * (child + 1);
      this.places[first + hole] = this.#at(first + child - 1);
      hole = child - 1;
    }
    let parent = (hole - 1) >> 1;
    while (hole > start && this.#less(this.#at(first + parent), value)) {
      this.places[first + hole] = this.#at(first + parent);
      hole = parent;
      parent = (hole - 1) >> 1;
    }
    this.places[first + hole] = value;
  }

  #at(i: number): number {
    return this.places[i] ?? 0;
  }

  #less(a: number, b: number): boolean {
    return (this.#values[a] ?? 0) < (this.#values[b] ?? 0);
  }

  #swap(a: number, b: number): void {
    const kept = this.#at(a);
    this.places[a] = this.#at(b);
    this.places[b] = kept;
  }
}
