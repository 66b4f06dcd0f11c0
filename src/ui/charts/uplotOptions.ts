// How every chart looks: colours from the page's palette, thin lines, a crosshair with values in the legend.

import type uPlot from 'uplot';
import { formatValue } from '../format.ts';

export interface ChartLook {
  names: readonly string[];
  xLabel: string;
  widthPx: number;
  heightPx: number;
  getMarkX: () => number | null;
}

/** Told apart in light and dark and by the common colour blindnesses. */
const LINE_COLOURS = {
  light: ['#0f766e', '#c2410c', '#4f46e5', '#a21caf', '#4d7c0f', '#0369a1', '#b91c1c', '#57534e'],
  dark: ['#2dd4bf', '#fb923c', '#a5b4fc', '#f0abfc', '#bef264', '#7dd3fc', '#fca5a5', '#d6d3d1'],
} as const;

/** Longer lines are drawn without dots. */
const MAX_DOTS = 40;

function cssColour(name: string): string {
  // `light-dark()` must be resolved by the browser: a canvas doesn't know it.
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
}

/** uPlot's options; the data come with `setData`. */
export function chartOptions({ names, xLabel, widthPx, heightPx, getMarkX }: ChartLook): uPlot.Options {
  const colours = LINE_COLOURS[isDark() ? 'dark' : 'light'];
  const axis = {
    stroke: cssColour('--muted'),
    grid: { stroke: cssColour('--border'), width: 1 },
    ticks: { stroke: cssColour('--border'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif',
  };
  const accent = cssColour('--accent');
  return {
    width: widthPx,
    height: heightPx,
    padding: [8, 20, 0, 0],
    scales: { x: { time: false } },
    cursor: { drag: { x: true, y: false }, points: { size: 6 } },
    legend: { live: true },
    axes: [
      { ...axis, size: 26, space: 60 },
      { ...axis, size: 58, values: (_plot, splits) => splits.map(formatValue) },
    ],
    series: [
      { label: xLabel, value: legendValue },
      ...names.map((label, i) => ({
        label,
        stroke: colours[i % colours.length],
        width: 1.6,
        spanGaps: true,
        points: { show: (plot: uPlot, s: number): boolean => countValues(plot.data[s] ?? []) < MAX_DOTS },
        value: legendValue,
      })),
    ],
    hooks: { draw: [(plot) => drawMark(plot, getMarkX(), accent)] },
  };
}

/** The value under the crosshair; the last one while the pointer is elsewhere. */
function legendValue(plot: uPlot, value: number | null, series: number, index: number | null): string {
  const shown = index === null ? lastValue(plot.data[series] ?? []) : value;
  return shown === null || shown === undefined ? '–' : formatValue(shown);
}

function lastValue(values: ArrayLike<number | null | undefined>): number | null {
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

function countValues(values: ArrayLike<number | null | undefined>): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== null && values[i] !== undefined) count += 1;
  return count;
}

function drawMark(plot: uPlot, x: number | null, colour: string): void {
  if (x === null) return;
  const left = plot.valToPos(x, 'x', true);
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([4, 4]);
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
