// Reference of the convolution: the specification of op.wgsl.ts, in float64.
import type { ConvShape } from './shape.ts';
import { at } from '../../../util/at.ts';

type Values = ArrayLike<number>;

function forEachTap(s: ConvShape, visit: (x: number, w: number, y: number) => void): void {
  const groupC = s.inC / s.groups;
  const groupF = s.outC / s.groups;
  for (let b = 0; b < s.batch; b += 1)
    for (let oh = 0; oh < s.outH; oh += 1)
      for (let ow = 0; ow < s.outW; ow += 1)
        for (let kh = 0; kh < s.kernelH; kh += 1)
          for (let kw = 0; kw < s.kernelW; kw += 1) {
            const ih = oh * s.strideH - s.padH + kh * s.dilationH;
            const iw = ow * s.strideW - s.padW + kw * s.dilationW;
            if (ih < 0 || ih >= s.inH || iw < 0 || iw >= s.inW) continue;
            for (let f = 0; f < s.outC; f += 1)
              for (let c = 0; c < groupC; c += 1)
                visit(
                  ((b * s.inH + ih) * s.inW + iw) * s.inC + Math.floor(f / groupF) * groupC + c,
                  ((kh * s.kernelW + kw) * groupC + c) * s.outC + f,
                  ((b * s.outH + oh) * s.outW + ow) * s.outC + f,
                );
          }
}

/** y [B, outH, outW, F], before the activation. */
export function convForwardCpu(s: ConvShape, x: Values, w: Values, bias: Values | null): Float64Array {
  const y = new Float64Array(s.batch * s.outH * s.outW * s.outC);
  forEachTap(s, (xi, wi, yi) => {
    y[yi] = at(y, yi) + at(x, xi) * at(w, wi);
  });
  return y.map((v, i) => v + (bias ? at(bias, i % s.outC) : 0));
}

/** dx [B, H, W, C]. */
export function convInputGradCpu(s: ConvShape, dy: Values, w: Values): Float64Array {
  const dx = new Float64Array(s.batch * s.inH * s.inW * s.inC);
  forEachTap(s, (xi, wi, yi) => {
    dx[xi] = at(dx, xi) + at(dy, yi) * at(w, wi);
  });
  return dx;
}

/** dw [kh, kw, C / groups, F]. */
export function convFilterGradCpu(s: ConvShape, x: Values, dy: Values): Float64Array {
  const dw = new Float64Array(s.kernelH * s.kernelW * (s.inC / s.groups) * s.outC);
  forEachTap(s, (xi, wi, yi) => {
    dw[wi] = at(dw, wi) + at(x, xi) * at(dy, yi);
  });
  return dw;
}
