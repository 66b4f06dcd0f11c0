// Lays out and draws the pictures of ShapesDataset. Pure functions of their arguments.

import { Rng } from '../util/prng.ts';
import type { DecodedImage } from '../contracts/image.ts';
import { at as itemAt, f32At } from '../util/at.ts';

export const SHAPE_KINDS = ['circle', 'square', 'triangle'] as const;
export type ShapeKind = (typeof SHAPE_KINDS)[number];
type Colour = readonly [number, number, number];

/** One shape; px, angles in radians. */
export interface Shape {
  readonly kind: ShapeKind;
  readonly x: number;
  readonly y: number;
  /** Of the circle, or of the circle through the corners. */
  readonly radius: number;
  readonly angle: number;
  readonly colour: Colour;
}

export interface ShapeScene {
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
  readonly ground: Colour;
  /** Seeds the texture. */
  readonly textureKeys: readonly [number, number];
}

export interface LayoutOptions {
  readonly seed: number;
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly maxObjects: number;
  readonly kinds: readonly ShapeKind[];
}

/** Keep the random numbers of the layout and of the texture apart. */
const LAYOUT_STREAM = 1;
const TEXTURE_STREAM = 2;
/** Radius as a share of the shorter side. */
const MIN_RADIUS = 0.11;
const MAX_RADIUS = 0.24;
/** Shapes lean to either side by at most this: a square on its corner would be told from a circle late. */
const MAX_TILT_RAD = 0.35;
/** Turns a first corner on the x axis so that the shape stands upright. */
const UPRIGHT_RAD: Readonly<Record<ShapeKind, number>> = {
  circle: 0,
  square: Math.PI / 4,
  triangle: -Math.PI / 2,
};
/** Two shapes may share at most this part of the smaller one's box. */
const MAX_OVERLAP = 0.15;
const PLACING_TRIES = 30;
/** A shape differs from the ground by at least this in the sum over the channels, of 765. */
const MIN_CONTRAST = 180;
/** Corners are drawn smooth: samples per pixel and axis. */
const SUBSAMPLES = 3;

/** Choose the shapes of a picture: at least one, all inside, hardly overlapping. */
export function layOutShapes({ seed, index, width, height, maxObjects, kinds }: LayoutOptions): ShapeScene {
  const rng = Rng.derive(seed, index, LAYOUT_STREAM);
  const side = Math.min(width, height);
  const ground = randomColour(rng);
  const wanted = 1 + rng.integer(maxObjects);
  const shapes: Shape[] = [];
  for (let n = 0; n < wanted; n++) {
    for (let attempt = 0; attempt < PLACING_TRIES; attempt++) {
      const radius = side * (MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * rng.uniform());
      const shape: Shape = {
        kind: itemAt(kinds, rng.integer(kinds.length)),
        radius,
        x: radius + (width - 2 * radius) * rng.uniform(),
        y: radius + (height - 2 * radius) * rng.uniform(),
        angle: MAX_TILT_RAD * (2 * rng.uniform() - 1),
        colour: contrastingColour(rng, ground),
      };
      if (shapes.some((other) => overlap(boundsOf(shape), boundsOf(other)) > MAX_OVERLAP)) continue;
      shapes.push(shape);
      break;
    }
  }
  return { width, height, shapes, ground, textureKeys: [seed, index] };
}

/** The shape's tight box, xyxy, px. */
export function boundsOf(shape: Shape): [number, number, number, number] {
  const { kind, x, y, radius } = shape;
  if (kind === 'circle') return [x - radius, y - radius, x + radius, y + radius];
  const corners = cornersOf(shape);
  const xs = corners.map((corner) => corner[0]);
  const ys = corners.map((corner) => corner[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Draw a scene: gradient, stripes, shapes, noise over all. */
export function drawShapes({ width, height, shapes, ground, textureKeys }: ShapeScene): DecodedImage {
  const rng = Rng.derive(...textureKeys, TEXTURE_STREAM);
  const pixels = new Float32Array(width * height * 3);
  drawGround(pixels, width, height, ground, rng);
  for (const shape of shapes) drawShape(pixels, width, height, shape, rng);
  const noise = 4 + 12 * rng.uniform();
  const rgb = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    rgb[i] = Math.min(255, Math.max(0, Math.round(f32At(pixels, i) + noise * (2 * rng.uniform() - 1))));
  }
  return { width, height, rgb };
}

function drawGround(pixels: Float32Array, width: number, height: number, ground: Colour, rng: Rng): void {
  const direction = 2 * Math.PI * rng.uniform();
  const slope = 70 * rng.uniform();
  const stripeDirection = 2 * Math.PI * rng.uniform();
  const stripeHeight = 26 * rng.uniform();
  const stripeLength = 6 + 26 * rng.uniform();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const along = (x / width - 0.5) * Math.cos(direction) + (y / height - 0.5) * Math.sin(direction);
      const across = x * Math.cos(stripeDirection) + y * Math.sin(stripeDirection);
      const change = slope * along + stripeHeight * Math.sin((2 * Math.PI * across) / stripeLength);
      const at = (y * width + x) * 3;
      for (let k = 0; k < 3; k++) pixels[at + k] = itemAt(ground, k) + change;
    }
  }
}

function drawShape(pixels: Float32Array, width: number, height: number, shape: Shape, rng: Rng): void {
  const [left, top, right, bottom] = boundsOf(shape);
  const shade = 50 * (rng.uniform() - 0.5);
  const isInside = insideTest(shape);
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y++) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, Math.ceil(right)); x++) {
      const cover = coverage(isInside, x, y);
      if (cover === 0) continue;
      const change = (shade * (y - shape.y)) / shape.radius;
      const at = (y * width + x) * 3;
      for (let k = 0; k < 3; k++)
        pixels[at + k] =
          f32At(pixels, at + k) + cover * (itemAt(shape.colour, k) + change - f32At(pixels, at + k));
    }
  }
}

/** The part of pixel (x, y) that lies inside, in [0, 1]. */
function coverage(isInside: (x: number, y: number) => boolean, x: number, y: number): number {
  let hits = 0;
  for (let j = 0; j < SUBSAMPLES; j++) {
    for (let i = 0; i < SUBSAMPLES; i++) {
      if (isInside(x + (i + 0.5) / SUBSAMPLES, y + (j + 0.5) / SUBSAMPLES)) hits += 1;
    }
  }
  return hits / (SUBSAMPLES * SUBSAMPLES);
}

function insideTest(shape: Shape): (x: number, y: number) => boolean {
  if (shape.kind === 'circle') return (x, y) => Math.hypot(x - shape.x, y - shape.y) <= shape.radius;
  const corners = cornersOf(shape);
  const edges = corners.map((corner, i) => [corner, itemAt(corners, (i + 1) % corners.length)] as const);
  // The corners run clockwise on the screen (y down): inside is on the right of every edge.
  return (x, y) => edges.every(([a, b]) => (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0);
}

function cornersOf({ kind, x, y, radius, angle }: Shape): [number, number][] {
  const count = kind === 'square' ? 4 : 3;
  return Array.from({ length: count }, (_, i) => {
    const a = angle + UPRIGHT_RAD[kind] + (2 * Math.PI * i) / count;
    return [x + radius * Math.cos(a), y + radius * Math.sin(a)];
  });
}

type Box = readonly [number, number, number, number];

/** Shared area over the smaller box's area. */
function overlap(a: Box, b: Box): number {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (w <= 0 || h <= 0) return 0;
  const area = ([x1, y1, x2, y2]: Box): number => (x2 - x1) * (y2 - y1);
  return (w * h) / Math.min(area(a), area(b));
}

function randomColour(rng: Rng): Colour {
  return [30 + rng.integer(196), 30 + rng.integer(196), 30 + rng.integer(196)];
}

function contrastingColour(rng: Rng, ground: Colour): Colour {
  for (;;) {
    const colour = randomColour(rng);
    if (colour.reduce((sum, v, k) => sum + Math.abs(v - itemAt(ground, k)), 0) >= MIN_CONTRAST) return colour;
  }
}
