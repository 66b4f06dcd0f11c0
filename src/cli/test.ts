import { parseCfgOptions } from '../config/index.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { resultsToCocoDetections } from '../evaluation/index.ts';
import { installNodeGpu } from '../gpu/device/nodeGpu.ts';
import { testCheckpoint } from '../run/test.ts';
import type { Arguments } from './arguments.ts';
import { typeChecker, type Tools } from './command.ts';
import { maskSecrets } from '../util/secrets.ts';
import { createNodeRoot } from './nodeRoot.ts';
import { watchStray } from './strayErrors.ts';

/** `tabtrain test CONFIG CHECKPOINT|WORK_DIR`: evaluates on `data.test` and prints the metrics as JSON on the last line. */
export async function runTest(args: Arguments, tools: Tools = {}): Promise<number> {
  const root = createNodeRoot(args.values('data'));
  await installNodeGpu();
  const metric = args.values('eval');
  const { metrics, results, groundTruth } = await testCheckpoint({
    configPath: root.path(args.word(0)),
    checkpoint: root.path(args.word(1)),
    fs: root.fs,
    decodeImage: decodeWithSharp,
    cfgOptions: parseCfgOptions(args.values('cfg-options')),
    checkTypes: typeChecker(tools),
    metric: metric.length === 0 ? undefined : metric.length === 1 ? metric[0] : metric,
    log: (line) => console.log(line),
    // As `train` words it in its log.
    warn: (message) => console.log(`WARNING - ${maskSecrets(message)}`),
    watchStray,
  });
  const out = args.value('out');
  if (out !== undefined) {
    const imageIds = groundTruth.images.map((image) => image.id);
    const categoryIds = groundTruth.categories.map((category) => category.id);
    await root.fs.writeFile(
      root.path(out),
      JSON.stringify(resultsToCocoDetections(results, imageIds, categoryIds)),
    );
  }
  console.log(JSON.stringify(metrics));
  return 0;
}
