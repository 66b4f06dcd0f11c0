export * from './lrSchedule.ts';
export * from './momentumSchedule.ts';
export type { ScheduleOptions, SchedulePosition, ScheduleRun } from './schedule.ts';
