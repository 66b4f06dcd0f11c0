/**
 * Rewrite the short forms of a dataset config into a ConcatDataset: a list of configs, or one config whose
 * `ann_file` is a list (then `img_prefix` may be one, too). Anything else is returned as it is. `cfg` is borrowed.
 * Source: mmdet 2.28.2 `build_dataset`, `_concat_dataset`.
 * @example expandDatasetCfg({ type: 'VOCDataset', ann_file: ['a', 'b'], img_prefix: ['x', 'y'] })
 * // { type: 'ConcatDataset', datasets: [{ type: 'VOCDataset', ann_file: 'a', img_prefix: 'x' }, …] }
 */
export function expandDatasetCfg(cfg: unknown): unknown {
  if (Array.isArray(cfg)) return { type: 'ConcatDataset', datasets: cfg };
  if (typeof cfg !== 'object' || cfg === null || !('ann_file' in cfg) || !Array.isArray(cfg.ann_file))
    return cfg;
  const { separate_eval, ...rest } = cfg as Record<string, unknown>;
  const datasets = cfg.ann_file.map((_, i) =>
    Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, PER_PART.has(key) ? at(value, i) : value]),
    ),
  );
  return { type: 'ConcatDataset', datasets, ...(separate_eval === undefined ? {} : { separate_eval }) };
}

/** Keys of which each part takes its own item, where they are lists. */
const PER_PART: ReadonlySet<string> = new Set(['ann_file', 'img_prefix', 'seg_prefix', 'proposal_file']);

function at(value: unknown, index: number): unknown {
  return Array.isArray(value) ? value[index] : value;
}
