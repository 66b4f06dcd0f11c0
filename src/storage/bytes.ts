// Text and byte helpers shared by the file systems.

/** UTF-8 bytes of a text; bytes are passed through. */
export function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}

/** Decode UTF-8; a byte order mark is dropped, invalid bytes become U+FFFD. */
export function toText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
