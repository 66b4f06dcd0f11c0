import type { DrawnBox, PredictedImage } from '../../util/runEvents.ts';

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
  context.lineWidth = 2;
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'bottom';
  context.setLineDash([6, 4]);
  for (const box of image.groundTruth) strokeBox(context, box, scale, '#38bdf8');
  context.setLineDash([]);
  for (const box of image.detections) {
    strokeBox(context, box, scale, '#facc15');
    label(context, box, scale, `${classes[box.label] ?? box.label} ${box.score.toFixed(2)}`);
  }
}

/** RGB to RGBA. */
function toImageData({ rgb, width, height }: PredictedImage): ImageData {
  const data = new ImageData(width, height);
  for (let i = 0, j = 0; j < data.data.length; i += 3, j += 4) {
    data.data[j] = rgb[i];
    data.data[j + 1] = rgb[i + 1];
    data.data[j + 2] = rgb[i + 2];
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

function label(context: CanvasRenderingContext2D, { bbox }: DrawnBox, scale: number, text: string): void {
  const x = bbox[0] * scale;
  const y = Math.max(16, bbox[1] * scale);
  context.fillStyle = '#facc15';
  context.fillRect(x - 1, y - 16, context.measureText(text).width + 8, 16);
  context.fillStyle = '#1c1917';
  context.fillText(text, x + 3, y - 1);
}
