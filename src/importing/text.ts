/** Text of a file, and how it was read. */
export interface DecodedText {
  /** Without a byte order mark. */
  readonly text: string;
  readonly encoding: string;
  /** True when the bytes are not what they claim to be, so that the encoding is a guess. */
  readonly isGuessed: boolean;
}

/**
 * Decode text: by byte order mark, by the encoding that an XML declaration names, as UTF-8, and failing all as Latin-1
 * (its Windows superset, code page 1252), which takes any byte. Never throws.
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  const mark = byteOrderMark(bytes);
  if (mark) return { text: new TextDecoder(mark).decode(bytes), encoding: mark, isGuessed: false };
  const declared = declaredEncoding(bytes);
  for (const encoding of declared ? [declared, 'utf-8'] : ['utf-8']) {
    const text = tryDecode(encoding, bytes);
    if (text !== undefined) return { text, encoding, isGuessed: encoding !== (declared ?? 'utf-8') };
  }
  return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'latin-1', isGuessed: true };
}

/** The encoding that the first four bytes of a text tell. */
export function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  // Text of these formats starts with ASCII: a zero byte in front of or behind it is the other half of a unit.
  if (bytes.length > 3 && bytes[0] !== 0 && bytes[1] === 0) return 'utf-16le';
  if (bytes.length > 3 && bytes[0] === 0 && bytes[1] !== 0) return 'utf-16be';
  return undefined;
}

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 200));
  return /^\s*<\?xml[^>]*encoding=["']([\w.:-]+)["']/.exec(head)?.[1]?.toLowerCase();
}

function tryDecode(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    // Not valid in this encoding, or a label that nobody knows.
    return undefined;
  }
}
