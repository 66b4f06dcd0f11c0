// The fixtures' weights and inputs: made by a formula, so that nobody has to store them.
// Source: header `weight_formula` of `fixtures/model_parity/models.json`.

/**
 * The formula's number in [-1, 1) for element `i` of a tensor called `name`.
 * @example uniformOf('input')(0) // the first value of the input before scaling
 */
export function uniformOf(name: string): (i: number) => number {
  const seed = fnv1a32(name);
  return (i) => {
    let x = (Math.imul(i, 2654435761) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  };
}

/** The values of a state dict entry, C order, PyTorch's axes. */
export function formulaWeights(name: string, shape: readonly number[]): Float32Array {
  const u = uniformOf(name);
  const size = shape.reduce((a, b) => a * b, 1);
  const value = valueRule(name, shape);
  return Float32Array.from({ length: size }, (_, i) => value(u(i)));
}

/** The input of RetinaNet cases: 2 u over flat NCHW, given back as flat NHWC. */
export function formulaInput(name: string, [b = 0, c = 0, h = 0, w = 0]: readonly number[]): Float32Array {
  const u = uniformOf(name);
  const out = new Float32Array(b * c * h * w);
  for (let image = 0; image < b; image++)
    for (let channel = 0; channel < c; channel++)
      for (let p = 0; p < h * w; p++)
        out[(image * h * w + p) * c + channel] = 2 * u((image * c + channel) * h * w + p);
  return out;
}

function valueRule(name: string, shape: readonly number[]): (u: number) => number {
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (last === 'num_batches_tracked') return () => 0;
  if (shape.length >= 2) {
    const fan = shape.slice(1).reduce((a, b) => a * b, 1);
    return (u) => (u * Math.sqrt(3) * gainOf(name)) / Math.sqrt(fan);
  }
  if (last === 'bias') return (u) => 0.05 * u;
  if (last === 'running_mean') return (u) => 0.1 * u;
  if (last === 'running_var') return (u) => 1 + 0.25 * (u + 1);
  return (u) => 1 + 0.1 * u;
}

function gainOf(name: string): number {
  if (name.startsWith('backbone')) return 0.8;
  if (name.startsWith('neck')) return 0.6;
  return name.includes('convs') ? 1.2 : 0.3;
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
