// What a file is that is no checkpoint, by its first bytes, and what to do about it.

export interface ForeignFile {
  /** With its article: `an ONNX model`. */
  readonly what: string;
  readonly hint?: string;
}

const SAVE_WEIGHTS = "torch.save({'state_dict': model.state_dict()}, 'weights.pth')";
const OTHER_FRAMEWORK = `its weights have other names and layouts: load the model in PyTorch and save it with ${SAVE_WEIGHTS}`;
const UNPACK = 'unpack it first and give the .pth inside';

/* eslint-disable no-control-regex -- formats begin with control characters */

/** Bytes that a format begins with, as Latin-1 text. */
const MAGICS: readonly (readonly [magic: string | RegExp, what: string, hint?: string])[] = [
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file (Keras .h5)', OTHER_FRAMEWORK],
  [
    '\x93NUMPY',
    'a NumPy array (.npy)',
    `build the model in Python, copy the arrays into it and use ${SAVE_WEIGHTS}`,
  ],
  ['GGUF', 'a GGUF model', OTHER_FRAMEWORK],
  ['\x1f\x8b', 'a gzip archive', UNPACK],
  ['BZh', 'a bzip2 archive', UNPACK],
  ['\xfd7zXZ', 'an xz archive', UNPACK],
  ['7z\xbc\xaf', 'a 7z archive', UNPACK],
  ['Rar!', 'a RAR archive', UNPACK],
  ['\x28\xb5\x2f\xfd', 'a Zstandard archive', UNPACK],
  [
    'version https://git-lfs',
    'a Git LFS pointer: the real file was not downloaded',
    'run git lfs pull, or download it by its own link',
  ],
  [/^....TFL3/s, 'a TensorFlow Lite model', OTHER_FRAMEWORK],
  [/^\0\0\0\0[\x01-\x09]\0\0\0[\0-\x09]\0\0\0/, 'a darknet .weights file', OTHER_FRAMEWORK],
  [/^\x12\x01\0\0\0\0\0\0/, 'an MXNet .params file', OTHER_FRAMEWORK],
  [/^7767517\s/, 'an ncnn model', OTHER_FRAMEWORK],
  [/^(\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP)/s, 'a picture'],
  [/^%PDF/, 'a PDF'],
  [/^\s*(\ufeff|\xef\xbb\xbf)?\s*<(!doctype|html|head|body)/i, 'a web page: the download gave an error page'],
  [/^\s*<\?xml.*?<(Error|html)\b/is, 'an error page (XML): the download was refused'],
  [/^\s*<\?xml/, 'an XML file (OpenVINO keeps its weights in the .bin beside it)', OTHER_FRAMEWORK],
  [/^\x08\x01\x12/, 'a TensorFlow SavedModel', OTHER_FRAMEWORK],
  [
    /^\x08[\x02-\x1f][\x12\x1a\x22\x28\x32\x3a\x42]/,
    'an ONNX model',
    `ONNX keeps no optimizer and other names: ${OTHER_FRAMEWORK}`,
  ],
  [/^\n.{1,4}\n.{0,40}(Placeholder|Const|VarHandleOp|input)/s, 'a TensorFlow graph', OTHER_FRAMEWORK],
];

const DOWNLOAD_AGAIN = 'download the file again: open its address in the browser and look at what comes';

/**
 * Name a file by its first 64 bytes or more.
 * @param size of the whole file, bytes
 */
export function describeForeign(head: Uint8Array, size: number): ForeignFile {
  const text = Array.from(head, (byte) => String.fromCharCode(byte)).join('');
  for (const [magic, what, hint] of MAGICS)
    if (typeof magic === 'string' ? text.startsWith(magic) : magic.test(text))
      return { what, hint: hint ?? DOWNLOAD_AGAIN };
  if (text.startsWith('PK')) return { what: 'an empty or split zip', hint: DOWNLOAD_AGAIN };
  if (text.slice(257, 262) === 'ustar')
    return text.startsWith('sys_info') || text.startsWith('./sys_info') || text.startsWith('storages')
      ? {
          what: 'a tar file of PyTorch before 0.1.10',
          hint: "load it with an old PyTorch and save it again: torch.save(torch.load(path), 'new.pth')",
        }
      : { what: 'a tar archive', hint: UNPACK };
  if (head[0] === 0x80 && (head[1] ?? 9) <= 5)
    return {
      what: 'a pickle that torch.save did not write',
      hint: `load it in Python with what wrote it, and save the weights with ${SAVE_WEIGHTS}`,
    };
  const isText =
    head.length > 0 && head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
  if (isText && /^\s*[[{]/.test(text))
    return { what: `a JSON text of ${size} bytes: ${quoted(text)}`, hint: DOWNLOAD_AGAIN };
  if (isText) return { what: `a text of ${size} bytes: ${quoted(text)}`, hint: DOWNLOAD_AGAIN };
  return { what: `a file that starts with ${JSON.stringify(text.slice(0, 8))}` };
}

/** Name a zip that is no checkpoint by the names in it. */
export function describeForeignZip(names: readonly string[]): ForeignFile {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const inner = names.find(
    (name) => /\.(pth|pt|ckpt|safetensors)(\.tar)?$/.test(name) && !name.startsWith('__MACOSX'),
  );
  if (inner !== undefined) return { what: `a zip with ${inner} in it`, hint: UNPACK };
  if (has(/model\.weights\.h5$/)) return { what: 'a Keras model (.keras)', hint: OTHER_FRAMEWORK };
  if (has(/^MAR-INF\//)) return { what: 'a TorchServe archive (.mar)', hint: UNPACK };
  if (has(/saved_model\.pb$/)) return { what: 'a TensorFlow SavedModel', hint: OTHER_FRAMEWORK };
  if (has(/(^|\/)(serialized_exported_program|archive_format)/))
    return {
      what: 'an exported program (torch.export, .pt2)',
      hint: `save the weights instead: ${SAVE_WEIGHTS}`,
    };
  if (names.length > 0 && names.every((name) => name.endsWith('.npy')))
    return { what: 'a NumPy archive (.npz)', hint: OTHER_FRAMEWORK };
  if (has(/(^|\/)(\.format_version|\.storage_alignment)$/))
    return { what: 'a checkpoint without its data.pkl', hint: DOWNLOAD_AGAIN };
  return { what: 'a zip without data.pkl' };
}

function quoted(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}...` : line);
}
