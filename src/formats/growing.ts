// Typed arrays that grow while a file is read.

/** float64 rows, doubled in place where they run out. */
export class GrowingFloats {
  #data = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const larger = new Float64Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#length++] = value;
  }

  /** What has been pushed; a view that the next `push` may leave behind. */
  view(): Float64Array {
    return this.#data.subarray(0, this.#length);
  }
}
