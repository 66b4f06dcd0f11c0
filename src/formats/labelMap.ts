// TensorFlow's label map, `labelmap.pbtxt`, which lies beside VOC and TFRecord exports: protocol-buffer text,
// `item { id: 1 name: 'cell' }` for each class. Ids count from 1; 0 is the background.
// Source: TensorFlow Object Detection API, `protos/string_int_label_map.proto`.

/** The names of the classes in the order of their ids; items without an id or a name are none. */
export function readLabelMap(text: string): string[] {
  const items = [...text.matchAll(/item\s*\{([^}]*)\}/g)].flatMap(([, body = '']) => {
    const id = /\bid\s*:\s*(\d+)/.exec(body)?.[1];
    const name = /\bname\s*:\s*(?:"([^"]*)"|'([^']*)')/.exec(body);
    return id === undefined || !name ? [] : [{ id: Number(id), name: name[1] ?? name[2] ?? '' }];
  });
  return items.sort((a, b) => a.id - b.id).map(({ name }) => name);
}
