// Values and slopes of losses on the overlap of predicted and true boxes (xyxy). One thread per box.
// Source: mmdet 2.28.2 `models/losses/iou_loss.py` and `core/bbox/iou_calculators/iou2d_calculator.py`.
import type { LossSource } from './op.wgsl.ts';

/** One weight per box, or four that are averaged. */
export type BoxWeightLayout = 'none' | 'box' | 'coordinates';

const weightAt: Record<BoxWeightLayout, string> = {
  none: '1.0',
  box: 'weights[i]',
  coordinates: 'dot(weights[i], vec4f(0.25))',
};

const readsOf = (weights: BoxWeightLayout): Record<string, string> => ({
  pred: 'vec4f',
  goal: 'vec4f',
  ...(weights === 'none' ? {} : { weights: weights === 'box' ? 'f32' : 'vec4f' }),
});

// Where two corners are equal, min and max give each half of the gradient, as in torch. A NaN coordinate must show in the
// loss, but max() and comparisons may be compiled as if there were none: it is told from bits.
const OVERLAP = `
fn hasNan(v: vec4f) -> bool { return any((bitcast<vec4u>(v) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)); }
fn total(v: vec4f) -> f32 { return v.x + v.y + v.z + v.w; }
// The share of d max(a, b) / d a.
fn shareOf(a: vec2f, b: vec2f) -> vec2f {
  return select(select(vec2f(0.0), vec2f(1.0), a > b), vec2f(0.5), a == b);
}
fn areaOf(v: vec4f) -> f32 { return (v.z - v.x) * (v.w - v.y); }
struct Overlap { inter: f32, areas: f32, union_area: f32, wh: vec2f, inner: vec2f }
fn overlap(p: vec4f, t: vec4f) -> Overlap {
  let inner = min(p.zw, t.zw) - max(p.xy, t.xy);
  let wh = max(inner, vec2f());
  let inter = wh.x * wh.y;
  let areas = areaOf(p) + areaOf(t) - inter;
  return Overlap(inter, areas, max(areas, u.eps), wh, inner);
}
// Gradients by p.
fn interSlope(o: Overlap, p: vec4f, t: vec4f) -> vec4f {
  let side = select(vec2f(), o.wh.yx, o.inner >= vec2f());
  return vec4f(-side * shareOf(p.xy, t.xy), side * shareOf(t.zw, p.zw));
}
fn unionSlope(o: Overlap, p: vec4f, inter: vec4f) -> vec4f {
  let size = (p.zw - p.xy).yx;
  return select(vec4f(), vec4f(-size, size) - inter, o.areas >= u.eps);
}`;

/** How {@link iouSource} turns an overlap into a loss. */
export type IouMode = 'log' | 'linear' | 'square';

const IOU_LOSS: Record<IouMode, { readonly value: string; readonly slope: string }> = {
  log: { value: '-log(iou)', slope: '-1.0 / iou' },
  linear: { value: '1.0 - iou', slope: '-1.0' },
  square: { value: '1.0 - iou * iou', slope: '-2.0 * iou' },
};

/** -log(IoU), 1 - IoU or 1 - IoU^2 of IoUs of at least `floor`. */
export function iouSource(mode: IouMode, weights: BoxWeightLayout): LossSource {
  const { value, slope } = IOU_LOSS[mode];
  return {
    name: `iouLoss ${mode} ${weights}`,
    reads: readsOf(weights),
    uniforms: 'eps: f32, floor: f32',
    functions: `${OVERLAP}
fn value(i: u32) -> f32 {
  let p = pred[i];
  if (hasNan(p)) { return total(p); }
  let o = overlap(p, goal[i]);
  let iou = max(o.inter / o.union_area, u.floor);
  return (${value}) * ${weightAt[weights]};
}`,
    gradient: `
  let p = pred[i];
  if (hasNan(p)) { grad[i] = vec4f(total(p)); return; }
  let o = overlap(p, goal[i]);
  let raw = o.inter / o.union_area;
  let iou = max(raw, u.floor);
  let inter = interSlope(o, p, goal[i]);
  let slope = (inter - raw * unionSlope(o, p, inter)) / o.union_area;
  grad[i] = select(vec4f(), slope * (${slope}), raw >= u.floor) * (${weightAt[weights]} * d);`,
    gradType: 'vec4f',
  };
}

/** 1 - GIoU. */
export function giouSource(weights: BoxWeightLayout): LossSource {
  return {
    name: `giouLoss ${weights}`,
    reads: readsOf(weights),
    uniforms: 'eps: f32',
    functions: `${OVERLAP}
fn outer(p: vec4f, t: vec4f) -> vec2f { return max(p.zw, t.zw) - min(p.xy, t.xy); }
fn value(i: u32) -> f32 {
  let p = pred[i];
  if (hasNan(p)) { return total(p); }
  let o = overlap(p, goal[i]);
  let wh = max(outer(p, goal[i]), vec2f());
  let hull = max(wh.x * wh.y, u.eps);
  return (1.0 - (o.inter / o.union_area - (hull - o.union_area) / hull)) * ${weightAt[weights]};
}`,
    gradient: `
  let p = pred[i];
  let t = goal[i];
  if (hasNan(p)) { grad[i] = vec4f(total(p)); return; }
  let o = overlap(p, t);
  let inter = interSlope(o, p, t);
  let joined = unionSlope(o, p, inter);
  let size = outer(p, t);
  let wh = max(size, vec2f());
  let hull = max(wh.x * wh.y, u.eps);
  let side = select(vec2f(), wh.yx, (size >= vec2f()) & vec2<bool>(wh.x * wh.y >= u.eps));
  let hullSlope = vec4f(-side * shareOf(t.xy, p.xy), side * shareOf(p.zw, t.zw));
  let iou = o.inter / o.union_area;
  let slope = (inter - iou * joined) / o.union_area + (joined - o.union_area / hull * hullSlope) / hull;
  grad[i] = -slope * (${weightAt[weights]} * d);`,
    gradType: 'vec4f',
  };
}
