import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors/trainerError.ts';
import { parseCfgOptions } from '../config/index.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { installNodeGpu } from '../gpu/device/nodeGpu.ts';
import { RunControl } from '../runner/runControl.ts';
import { readKernelMode } from '../run/kernelChoices.ts';
import { readResumeOptimizer } from '../run/resumedRun.ts';
import { train } from '../run/train.ts';
import type { Arguments } from './arguments.ts';
import { typeChecker, type Tools } from './command.ts';
import { stopOnSignals } from './signals.ts';
import { createNodeRoot } from './nodeRoot.ts';
import { watchStray } from './strayErrors.ts';

/** Enough to be steady, few enough for one set of timestamps. */
const PROFILED_ITERS = 5;

/** `tabtrain train CONFIG`: MMCV's log lines on stdout, files in the work dir; Ctrl-C stops and saves. */
export async function runTrain(args: Arguments, tools: Tools = {}): Promise<number> {
  const root = createNodeRoot(args.values('data'));
  const seed = readSeed(args.value('seed'));
  const kernels = args.value('kernels');
  const control = new RunControl();
  const optionalPath = (option: string): string | undefined => {
    const value = args.value(option);
    return value === undefined ? undefined : root.path(value);
  };
  if (args.has('profile')) control.profile(PROFILED_ITERS);
  const onInvalidLoss = readOnInvalidLoss(args.value('on-invalid-loss'));
  let heldBack: string | null = null;
  const signals = stopOnSignals(() => control.stop());
  try {
    await installNodeGpu();
    const result = await train({
      configPath: root.path(args.word(0)),
      fs: root.fs,
      decodeImage: decodeWithSharp,
      control,
      cfgOptions: parseCfgOptions(args.values('cfg-options')),
      workDir: optionalPath('work-dir'),
      resumeFrom: optionalPath('resume-from'),
      loadFrom: optionalPath('load-from'),
      autoResume: args.has('auto-resume') || undefined,
      resumeOptimizer: args.has('resume-optimizer')
        ? readResumeOptimizer(args.value('resume-optimizer'), '--resume-optimizer')
        : undefined,
      autoScaleLr: args.has('auto-scale-lr'),
      seed,
      eager: args.has('eager'),
      kernels: {
        mode: kernels === undefined ? undefined : readKernelMode(kernels),
        folder: join(homedir(), '.cache/tabtrain'),
      },
      host: hostInfo(),
      watchStray,
      checkTypes: typeChecker(tools),
      readEnv: (name) => process.env[name],
      // Nobody could press Resume here.
      onInvalidLoss,
      locks: root.locks,
      onEvent: (event) => {
        // What ends the run is told by the command itself, on stderr; its log has it, too.
        if (event.name === 'run.phaseChanged' && event.phase === 'failed') heldBack = null;
        if (heldBack !== null) console.log(heldBack);
        heldBack = null;
        if (event.name === 'run.logged' && event.line.includes(' - ERROR - ')) heldBack = event.line;
        else if (event.name === 'run.logged') console.log(event.line);
        else if (event.name === 'run.noticed')
          console.error(`${event.level}: ${event.message}${event.hint ? ` (${event.hint})` : ''}`);
      },
    });
    console.log(`work dir: ${result.workDir}`);
    return result.end === 'stopped' ? signals.exitCode() : 0;
  } finally {
    signals.ignore();
  }
}

/** As mmcv 1.7.2 `runner/utils.py` get_host_info. */
function hostInfo(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container's user may have no name.
    return hostname();
  }
}

function readOnInvalidLoss(text = 'stop'): 'stop' | 'go-on' {
  if (text === 'stop' || text === 'go-on') return text;
  throw new ConfigError(`--on-invalid-loss must be stop or go-on, but got ${text}`, { code: 'bad-option' });
}

function readSeed(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seed = Number(text);
  if (Number.isInteger(seed) && seed >= 0) return seed;
  throw new ConfigError(`--seed must be a non-negative integer, but got ${text}`, { code: 'bad-option' });
}
