// CRC-32C (Castagnoli, polynomial 0x82f63b78, reflected), and the mask that TFRecord files store it with.
// Source: RFC 3720 appendix B.4; TensorFlow `lib/hash/crc32c.h`.

const MASK_DELTA = 0xa282ead8;
let table: Uint32Array | undefined;

/**
 * @returns an unsigned 32-bit integer.
 * @example
 * crc32c(new TextEncoder().encode('123456789')) // 0xe3069283
 */
export function crc32c(data: Uint8Array): number {
  const t = (table ??= makeTable());
  let crc = ~0;
  for (const byte of data) crc = (t[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The CRC rotated right by 15 bits plus a constant: a CRC of data that holds CRCs would be weak. */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

function makeTable(): Uint32Array {
  const t = new Uint32Array(256);
  for (let n = 0; n < t.length; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t[n] = c;
  }
  return t;
}
