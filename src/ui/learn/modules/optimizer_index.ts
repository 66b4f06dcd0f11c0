// What this folder offers. The index files of the workspace's mmdet folder run at the start of every run.
export * from './my_optimizer';
