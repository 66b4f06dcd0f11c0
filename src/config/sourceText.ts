// Text with placeholders replaced, that still knows where each piece came from.

/** A replaced piece: offsets in the new text and in the original one. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly originalFrom: number;
  readonly originalTo: number;
}

export class SourceText {
  readonly original: string;
  readonly text: string;
  readonly #pieces: readonly Piece[];

  private constructor(original: string, text: string, pieces: readonly Piece[]) {
    this.original = original;
    this.text = text;
    this.#pieces = pieces;
  }

  static of(original: string): SourceText {
    return new SourceText(original, original, []);
  }

  /** Replace every match of `pattern` (global) in one pass; null keeps a match as it is. */
  static replace(
    original: string,
    pattern: RegExp,
    by: (match: RegExpExecArray) => string | null,
  ): SourceText {
    const pieces: Piece[] = [];
    let text = '';
    let position = 0;
    for (const match of original.matchAll(pattern)) {
      const fresh = by(match);
      if (fresh === null) continue;
      text += original.slice(position, match.index);
      position = match.index + match[0].length;
      pieces.push({
        from: text.length,
        to: text.length + fresh.length,
        originalFrom: match.index,
        originalTo: position,
      });
      text += fresh;
    }
    return new SourceText(original, text + original.slice(position), pieces);
  }

  get isChanged(): boolean {
    return this.#pieces.length > 0;
  }

  /** From an offset in `text` to one in `original`; inside a replaced piece, to its start. */
  toOriginal = (offset: number): number => {
    let shift = 0;
    for (const piece of this.#pieces) {
      if (offset < piece.from) break;
      if (offset === piece.from) return piece.originalFrom;
      if (offset < piece.to) return piece.originalFrom;
      shift = piece.originalTo - piece.to;
    }
    return offset + shift;
  };
}
