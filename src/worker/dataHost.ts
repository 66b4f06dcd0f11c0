// The data worker's side of the protocol, without the worker: storage and decoding are handed in.

import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Locks } from '../contracts/locks.ts';
import type { CheckImage } from '../contracts/image.ts';
import { serve, type Endpoint, type Server } from './channel.ts';
import { WEIGHTS_FOLDER } from '../weights/addresses.ts';
import { copyFile, fileTree, keepFile, requireBelow, seedWorkspace, writeExpected } from './files.ts';
import type { DataCalls, DataEvents, ParameterRow } from './protocol.ts';
import { listRuns, readRun } from './runHistory.ts';

export interface DataHostParts {
  readonly fs: () => Promise<FileSystem>;
  readonly locks: Locks;
  readonly checkImage: CheckImage;
  /** The stored file itself, not a copy of its bytes. */
  readonly openFile: (path: string) => Promise<File>;
  readonly inspectCheckpoint: (fs: FileSystem, path: string) => Promise<ParameterRow[]>;
}

/** The readers of data sets are loaded with the first call that needs them: opening the page should not wait. */
const datasetCalls = () => import('./datasetCalls.ts');

/** What `files.*` may change. Runs and data sets have calls of their own. */
const own = (path: string): string => requireBelow('workspace', path);

/** Answer DataCalls on `endpoint`. */
export function createDataHost(endpoint: Endpoint, parts: DataHostParts): Server<DataEvents> {
  const { fs, locks, openFile, checkImage } = parts;
  return serve<DataCalls, DataEvents>(endpoint, {
    'files.tree': async ({ path }) => fileTree(await fs(), path),
    'files.readText': async ({ path }) => (await fs()).readText(path),
    'files.writeText': async ({ path, text, expected }) => ({
      conflict: await writeExpected(await fs(), own(path), text, expected),
    }),
    'files.rename': async ({ from, to }) => {
      await (await fs()).rename(own(from), own(to));
    },
    'files.copy': async ({ from, to }) => {
      await copyFile(await fs(), own(from), own(to));
    },
    'files.remove': async ({ path }) => {
      await (await fs()).remove(own(path));
    },
    'files.open': ({ path }) => openFile(path),
    'weights.add': async ({ files }) => {
      const paths: string[] = [];
      for (const file of files) paths.push(await keepFile(await fs(), WEIGHTS_FOLDER, file));
      return { paths };
    },
    'workspace.seed': async ({ files }) => {
      for (const { path } of files) own(path);
      return { written: await seedWorkspace(await fs(), files) };
    },
    'runs.list': async ({ activeWorkDir }) => listRuns(await fs(), activeWorkDir),
    'runs.read': async ({ workDir, activeWorkDir }) => readRun(await fs(), workDir, activeWorkDir),
    'runs.remove': async ({ workDir }) => {
      await (await fs()).remove(requireBelow('work_dirs', workDir));
    },
    'datasets.list': async () => (await datasetCalls()).listDatasets(await fs(), locks),
    'datasets.import': async (request, context) =>
      (await datasetCalls()).importInto({ fs: await fs(), locks, checkImage }, request, context),
    'datasets.remove': async ({ name }) => {
      await (await datasetCalls()).removeDataset(await fs(), locks, name);
    },
    'datasets.preview': async ({ name, count }) =>
      (await datasetCalls()).previewDataset(await fs(), openFile, name, count),
    'checkpoint.inspect': async ({ path }) => parts.inspectCheckpoint(await fs(), path),
  });
}
