import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { readGraphModel } from './graphModel.ts';
import { nanoDetState } from './nanoDetState.ts';

test.skipIf(!sharedDir)('the seed gives 34 convolutions by their names in upstream', async () => {
  const folder = join(sharedDir ?? '', 'data/seeds/nanodet_g');
  const text = readFileSync(join(folder, 'nanodet.json'), 'utf8');
  const state = nanoDetState(
    await readGraphModel(text, (name) => Promise.resolve(readFileSync(join(folder, name)))),
  );
  expect(state.size).toBe(69);
  expect([...state.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(3_786_068 + 11);
  expect([...state].map(([name, { shape }]) => `${name} ${shape.join('x')}`)).toMatchInlineSnapshot(`
    [
      "backbone.stages.0.conv.weight 32x3x3x3",
      "backbone.stages.0.conv.bias 32",
      "backbone.stages.2.in_conv.conv.weight 32x32x3x3",
      "backbone.stages.2.in_conv.conv.bias 32",
      "backbone.stages.2.res_blocks.0.in_conv.conv.weight 16x32x3x3",
      "backbone.stages.2.res_blocks.0.in_conv.conv.bias 16",
      "backbone.stages.2.res_blocks.0.mid_conv.conv.weight 16x16x3x3",
      "backbone.stages.2.res_blocks.0.mid_conv.conv.bias 16",
      "backbone.stages.2.res_out_conv.conv.weight 32x32x3x3",
      "backbone.stages.2.res_out_conv.conv.bias 32",
      "backbone.stages.3.in_conv.conv.weight 64x64x3x3",
      "backbone.stages.3.in_conv.conv.bias 64",
      "backbone.stages.3.res_blocks.0.in_conv.conv.weight 32x64x3x3",
      "backbone.stages.3.res_blocks.0.in_conv.conv.bias 32",
      "backbone.stages.3.res_blocks.0.mid_conv.conv.weight 32x32x3x3",
      "backbone.stages.3.res_blocks.0.mid_conv.conv.bias 32",
      "backbone.stages.3.res_blocks.1.in_conv.conv.weight 32x64x3x3",
      "backbone.stages.3.res_blocks.1.in_conv.conv.bias 32",
      "backbone.stages.3.res_blocks.1.mid_conv.conv.weight 32x32x3x3",
      "backbone.stages.3.res_blocks.1.mid_conv.conv.bias 32",
      "backbone.stages.3.res_out_conv.conv.weight 64x64x3x3",
      "backbone.stages.3.res_out_conv.conv.bias 64",
      "backbone.stages.4.in_conv.conv.weight 128x128x3x3",
      "backbone.stages.4.in_conv.conv.bias 128",
      "backbone.stages.4.res_blocks.0.in_conv.conv.weight 64x128x3x3",
      "backbone.stages.4.res_blocks.0.in_conv.conv.bias 64",
      "backbone.stages.4.res_blocks.0.mid_conv.conv.weight 64x64x3x3",
      "backbone.stages.4.res_blocks.0.mid_conv.conv.bias 64",
      "backbone.stages.4.res_blocks.1.in_conv.conv.weight 64x128x3x3",
      "backbone.stages.4.res_blocks.1.in_conv.conv.bias 64",
      "backbone.stages.4.res_blocks.1.mid_conv.conv.weight 64x64x3x3",
      "backbone.stages.4.res_blocks.1.mid_conv.conv.bias 64",
      "backbone.stages.4.res_out_conv.conv.weight 128x128x3x3",
      "backbone.stages.4.res_out_conv.conv.bias 128",
      "backbone.stages.5.in_conv.conv.weight 256x256x3x3",
      "backbone.stages.5.in_conv.conv.bias 256",
      "backbone.stages.5.res_blocks.0.in_conv.conv.weight 128x256x3x3",
      "backbone.stages.5.res_blocks.0.in_conv.conv.bias 128",
      "backbone.stages.5.res_blocks.0.mid_conv.conv.weight 128x128x3x3",
      "backbone.stages.5.res_blocks.0.mid_conv.conv.bias 128",
      "backbone.stages.5.res_blocks.1.in_conv.conv.weight 128x256x3x3",
      "backbone.stages.5.res_blocks.1.in_conv.conv.bias 128",
      "backbone.stages.5.res_blocks.1.mid_conv.conv.weight 128x128x3x3",
      "backbone.stages.5.res_blocks.1.mid_conv.conv.bias 128",
      "backbone.stages.5.res_blocks.2.in_conv.conv.weight 128x256x3x3",
      "backbone.stages.5.res_blocks.2.in_conv.conv.bias 128",
      "backbone.stages.5.res_blocks.2.mid_conv.conv.weight 128x128x3x3",
      "backbone.stages.5.res_blocks.2.mid_conv.conv.bias 128",
      "backbone.stages.5.res_out_conv.conv.weight 256x256x3x3",
      "backbone.stages.5.res_out_conv.conv.bias 256",
      "fpn.lateral_convs.0.conv.weight 128x128x1x1",
      "fpn.lateral_convs.0.conv.bias 128",
      "fpn.lateral_convs.1.conv.weight 128x256x1x1",
      "fpn.lateral_convs.1.conv.bias 128",
      "fpn.lateral_convs.2.conv.weight 128x512x1x1",
      "fpn.lateral_convs.2.conv.bias 128",
      "head.cls_convs.0.0.conv.weight 128x128x3x3",
      "head.cls_convs.0.0.conv.bias 128",
      "head.cls_convs.1.0.conv.weight 128x128x3x3",
      "head.cls_convs.1.0.conv.bias 128",
      "head.cls_convs.2.0.conv.weight 128x128x3x3",
      "head.cls_convs.2.0.conv.bias 128",
      "head.gfl_cls.0.weight 124x128x1x1",
      "head.gfl_cls.0.bias 124",
      "head.gfl_cls.1.weight 124x128x1x1",
      "head.gfl_cls.1.bias 124",
      "head.gfl_cls.2.weight 124x128x1x1",
      "head.gfl_cls.2.bias 124",
      "head.distribution_project.project 11",
    ]
  `);
});
