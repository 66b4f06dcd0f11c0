export * from './lrSchedule.ts';
export * from './momentumSchedule.ts';
export * from './runPlan.ts';
export type { ScheduleOptions, SchedulePosition, ScheduleRun, ScheduleSummary } from './schedule.ts';
