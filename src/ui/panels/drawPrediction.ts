import type { DrawnBox, PredictedImage } from '../../contracts/runEvents.ts';

/** Small pictures are enlarged to about this width, so that lines and letters stay readable. */
const MIN_WIDTH_PX = 440;

/** Paint the picture, ground truth dashed in blue, detections in yellow with class and score. */
export function drawPrediction(
  canvas: HTMLCanvasElement,
  image: PredictedImage,
  classes: readonly string[],
): void {
  const scale = Math.max(1, MIN_WIDTH_PX / image.width);
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const context = canvas.getContext('2d');
  if (!context) return;
  const picture = new OffscreenCanvas(image.width, image.height);
  picture.getContext('2d')?.putImageData(toImageData(image), 0, 0);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  // The grid shows the canvas smaller than it is: lines and letters are in proportion to it.
  const fontPx = Math.max(12, Math.round(canvas.width / 25));
  context.lineWidth = fontPx / 6;
  context.font = `${fontPx}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  context.setLineDash([fontPx / 2, fontPx / 3]);
  for (const box of image.groundTruth) strokeBox(context, box, scale, '#38bdf8');
  context.setLineDash([]);
  for (const box of image.detections) strokeBox(context, box, scale, '#facc15');
  // Detections come by class. Where two labels meet, the surer one is the one to read.
  const taken: Area[] = [];
  for (const box of image.detections.toSorted((a, b) => b.score - a.score)) {
    const text = `${classes[box.label] ?? box.label} ${box.score.toFixed(2)}`;
    const area = labelArea(context, box, scale, fontPx, text);
    if (taken.some((other) => overlaps(area, other))) continue;
    taken.push(area);
    drawLabel(context, area, fontPx, text);
  }
}

/** RGB to RGBA. */
function toImageData({ rgb, width, height }: PredictedImage): ImageData {
  const data = new ImageData(width, height);
  for (let i = 0, j = 0; j < data.data.length; i += 3, j += 4) {
    data.data[j] = rgb[i] ?? 0;
    data.data[j + 1] = rgb[i + 1] ?? 0;
    data.data[j + 2] = rgb[i + 2] ?? 0;
    data.data[j + 3] = 255;
  }
  return data;
}

function strokeBox(
  context: CanvasRenderingContext2D,
  { bbox }: DrawnBox,
  scale: number,
  colour: string,
): void {
  const [x1, y1, x2, y2] = bbox;
  context.strokeStyle = colour;
  context.strokeRect(x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale);
}

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function overlaps(a: Area, b: Area): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Above the box, moved where the picture ends. */
function labelArea(
  context: CanvasRenderingContext2D,
  { bbox }: DrawnBox,
  scale: number,
  fontPx: number,
  text: string,
): Area {
  const width = context.measureText(text).width + fontPx / 2;
  const height = fontPx * 1.3;
  const x = Math.max(0, Math.min(bbox[0] * scale - 1, context.canvas.width - width));
  const y = Math.max(0, bbox[1] * scale - height);
  return { x, y, width, height };
}

function drawLabel(
  context: CanvasRenderingContext2D,
  { x, y, width, height }: Area,
  fontPx: number,
  text: string,
): void {
  context.fillStyle = '#facc15';
  context.fillRect(x, y, width, height);
  context.fillStyle = '#1c1917';
  context.fillText(text, x + fontPx / 4, y + height / 2);
}
