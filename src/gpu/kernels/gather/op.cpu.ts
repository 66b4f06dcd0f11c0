import { at } from '../../../util/at.ts';
// References of gathering, its gradient and one-hot rows. x is [outer, entries, inner].
type Values = ArrayLike<number>;

/** [outer, picks, inner]. */
export function gatherCpu(x: Values, indices: Values, entries: number, inner: number): Float64Array {
  const outer = x.length / entries / inner;
  const picks = indices.length;
  return Float64Array.from({ length: outer * picks * inner }, (_, i) => {
    const pick = Math.floor(i / inner) % picks;
    return at(x, (Math.floor(i / inner / picks) * entries + at(indices, pick)) * inner + (i % inner));
  });
}

/** dx [outer, entries, inner] from dy [outer, picks, inner]: an entry that is picked twice gets both. */
export function gatherGradCpu(dy: Values, indices: Values, entries: number, inner: number): Float64Array {
  const picks = indices.length;
  const outer = dy.length / picks / inner;
  const dx = new Float64Array(outer * entries * inner);
  for (let i = 0; i < dy.length; i += 1) {
    const pick = Math.floor(i / inner) % picks;
    const place = (Math.floor(i / inner / picks) * entries + at(indices, pick)) * inner + (i % inner);
    dx[place] = at(dx, place) + at(dy, i);
  }
  return dx;
}

/** [n, depth]: 1 where the index names the column. */
export function oneHotCpu(indices: Values, depth: number): Float64Array {
  return Float64Array.from({ length: indices.length * depth }, (_, i) =>
    indices[Math.floor(i / depth)] === i % depth ? 1 : 0,
  );
}
