import { CheckpointError } from '../../errors/index.ts';

/** The file is cut, changed or was never complete. */
export function damaged(detail: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`checkpoint must be complete and unchanged: ${detail}`, {
    code: 'damaged',
    hint: 'the file is damaged: copy or download it again',
    cause,
  });
}

/** The file is sound but holds something that can't be read here. */
export function unsupported(detail: string, hint?: string): CheckpointError {
  return new CheckpointError(`checkpoint must hold dense tensors and plain values: ${detail}`, {
    code: 'unsupported',
    hint,
  });
}

/** The file names code to run. Nothing of it was run. */
export function unsafeGlobal(name: string, call: string): CheckpointError {
  return new CheckpointError(
    `checkpoint must hold tensors and plain values only, it names ${name}: loading it in Python would execute ${call}`,
    {
      code: 'unsafe-global',
      hint:
        'nothing was executed here; if you trust the file, load it in Python and save only its state_dict: ' +
        "torch.save({'state_dict': model.state_dict()}, path)",
    },
  );
}
