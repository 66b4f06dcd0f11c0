// Names of zip entries are bytes: UTF-8 when the flag says so, otherwise whatever the packing computer used.
// Source: PKWARE APPNOTE 6.3.10, 4.4.4 bit 11 and appendix D; 0x7075 is Info-ZIP's Unicode Path field.

import { crc32 } from './crc32.ts';

export type NameEncoding = 'utf-8' | 'shift-jis' | 'cp437';

export interface DecodedName {
  readonly name: string;
  readonly encoding: NameEncoding;
  /** True when nothing in the archive says which encoding it is and the bytes are not plain UTF-8. */
  readonly isGuessed: boolean;
}

// The upper half of IBM code page 437.
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

// Runs of at least two Japanese characters: one alone is more often a western name (`Körper` in code page 437).
const JAPANESE_NAME = /^(?:[\x20-\x7e]|[\u3005-\u3007\u3041-\u30fe\u4e00-\u9fff\uff01-\uff60]{2,})+$/;

/**
 * Decode an entry's name. Never throws; the same bytes always give the same name.
 * @param unicodePath body of the 0x7075 extra field, where there is one.
 */
export function decodeEntryName(
  raw: Uint8Array,
  hasUtf8Flag: boolean,
  unicodePath?: Uint8Array,
): DecodedName {
  const fromExtra = unicodePath && readUnicodePath(raw, unicodePath);
  if (fromExtra !== undefined) return { name: fromExtra, encoding: 'utf-8', isGuessed: false };
  const utf8 = tryDecode('utf-8', raw);
  if (utf8 !== undefined) return { name: utf8, encoding: 'utf-8', isGuessed: false };
  if (hasUtf8Flag) return { name: new TextDecoder().decode(raw), encoding: 'utf-8', isGuessed: true };
  const japanese = tryDecode('shift_jis', raw);
  if (japanese !== undefined && JAPANESE_NAME.test(japanese))
    return { name: japanese, encoding: 'shift-jis', isGuessed: true };
  return { name: decodeCp437(raw), encoding: 'cp437', isGuessed: true };
}

/**
 * Tell why an entry may not be unpacked under its name, or null when it may.
 * @example
 * unsafeNameReason('../../evil.jpg') // 'it leaves the folder (..)'
 */
export function unsafeNameReason(name: string): string | null {
  if (name === '') return 'it is empty';
  if (name.includes('\0')) return 'it contains a NUL character';
  if (name.includes('\\')) return 'it contains a backslash';
  if (name.startsWith('/')) return 'it is an absolute path';
  if (/^[A-Za-z]:/.test(name)) return 'it starts with a drive letter';
  if (name.split('/').includes('..')) return 'it leaves the folder (..)';
  return null;
}

function readUnicodePath(raw: Uint8Array, field: Uint8Array): string | undefined {
  if (field.length < 5 || field[0] !== 1) return undefined;
  const crc = new DataView(field.buffer, field.byteOffset).getUint32(1, true);
  return crc === crc32(raw) ? tryDecode('utf-8', field.subarray(5)) : undefined;
}

function tryDecode(label: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeCp437(raw: Uint8Array): string {
  let name = '';
  for (const byte of raw) name += byte < 128 ? String.fromCharCode(byte) : CP437[byte - 128];
  return name;
}
