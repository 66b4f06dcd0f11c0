export { crc32c, maskedCrc32c } from './crc32c.ts';
export { FILE_VERSION, type SummaryValue, type TfEvent } from './event.ts';
export { encodeRecords, readRecords, type ReadEvents } from './record.ts';
