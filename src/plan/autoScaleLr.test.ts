import { describe, expect, test } from 'vitest';
import { autoScaleLr } from './autoScaleLr.ts';

describe('autoScaleLr', () => {
  const told = (
    autoScale: unknown,
    batchSize: number,
    isAsked = false,
    lr = 0.02,
  ): { lr: unknown; lines: string[]; isSame: boolean } => {
    const lines: string[] = [];
    const dict = { optimizer: { type: 'SGD', lr }, auto_scale_lr: autoScale };
    const scaled = autoScaleLr(dict, batchSize, (line) => lines.push(line), isAsked);
    return { lr: scaled.optimizer.lr, lines, isSame: scaled === dict };
  };

  test("scales linearly, with MMDetection's lines", () => {
    expect(told({ enable: true, base_batch_size: 16 }, 4)).toEqual({
      lr: 0.005,
      lines: [
        'Training with 1 GPU(s) with 4 samples per GPU. The total batch size is 4.',
        'LR has been automatically scaled from 0.02 to 0.005',
      ],
      isSame: false,
    });
    expect(told({ enable: true, base_batch_size: 16 }, 16).lines[1]).toBe(
      'The batch size match the base batch size: 16, will not scaling the LR (0.02).',
    );
  });

  test('numbers are written as Python writes them', () => {
    const cfg = { enable: true, base_batch_size: 16 };
    expect(told(cfg, 1, false, 0.00016).lines[1]).toBe(
      'LR has been automatically scaled from 0.00016 to 1e-05',
    );
    expect(told(cfg, 64, false, 1).lines[1]).toBe('LR has been automatically scaled from 1 to 4.0');
    expect(told(cfg, 16, false, 1e-5).lines[1]).toContain('the LR (1e-05).');
  });

  test('off unless enabled; --auto-scale-lr enables a complete one', () => {
    const off = told({ enable: false, base_batch_size: 16 }, 4);
    expect(off).toEqual({
      lr: 0.02,
      lines: ['Automatic scaling of learning rate (LR) has been disabled.'],
      isSame: true,
    });
    expect(told({ enable: false, base_batch_size: 16 }, 4, true).lr).toBe(0.005);
    expect(told({ enable: 1, base_batch_size: 16 }, 4).lr).toBe(0.005);
    expect(told({ enable: 0, base_batch_size: 16 }, 4).isSame).toBe(true);
    const incomplete = told({ base_batch_size: 16 }, 4, true);
    expect(incomplete.lr).toBe(0.02);
    expect(incomplete.lines[0]).toContain('Can not find "auto_scale_lr"');
  });
});
