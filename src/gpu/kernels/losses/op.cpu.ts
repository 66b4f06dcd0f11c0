// References of the fused losses, per element, in float64.

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** labels [N] with K for background; weights one per element. */
export function focalCpu(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  { gamma, alpha }: { gamma: number; alpha: number },
): Float64Array {
  const k = logits.length / labels.length;
  return Float64Array.from(logits, (x, i) => {
    const t = labels[Math.floor(i / k)] === i % k ? 1 : 0;
    const p = 1 / (1 + Math.exp(-x));
    const wrong = (1 - p) * t + p * (1 - t);
    return (alpha * t + (1 - alpha) * (1 - t)) * wrong ** gamma * (softplus(x) - x * t) * weights[i];
  });
}

export function smoothL1Cpu(
  pred: ArrayLike<number>,
  target: ArrayLike<number>,
  weight: ArrayLike<number>,
  beta: number,
): Float64Array {
  return Float64Array.from(pred, (p, i) => {
    const d = Math.abs(p - target[i]);
    return weight[i] * (d < beta ? (0.5 * d * d) / beta : d - 0.5 * beta);
  });
}
