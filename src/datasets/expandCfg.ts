import { copySources, setSource, sourceOf } from '../lang/sourceMap.ts';

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
  const datasets = cfg.ann_file.map((_, i) => {
    const part: Record<string, unknown> = { ...rest };
    copySources(cfg, part);
    for (const key of PER_PART) {
      const items = rest[key];
      if (!Array.isArray(items)) continue;
      part[key] = items[i];
      const source = sourceOf(items, i);
      if (source) setSource(part, key, { ...source, keySpan: sourceOf(cfg, key)?.keySpan });
    }
    return part;
  });
  return { type: 'ConcatDataset', datasets, ...(separate_eval === undefined ? {} : { separate_eval }) };
}

/** Keys of which each part takes its own item, where they are lists. */
const PER_PART: ReadonlySet<string> = new Set(['ann_file', 'img_prefix', 'seg_prefix', 'proposal_file']);
