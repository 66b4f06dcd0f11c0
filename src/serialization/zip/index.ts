export * from './byteSource.ts';
export type { ZipEntry } from './centralDirectory.ts';
export * from './crc32.ts';
export { type NameEncoding, unsafeNameReason } from './entryName.ts';
export * from './writer.ts';
export * from './zipArchive.ts';
export * from './zipError.ts';
