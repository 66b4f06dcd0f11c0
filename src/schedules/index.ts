export * from './lrSchedule.ts';
export * from './momentumSchedule.ts';
export * from './runPlan.ts';
export { scheduleClass, type OwnPolicy } from './schedule.ts';
export { LR_KIND, MOMENTUM_KIND } from './scheduleArgs.ts';
export type { ScheduleOptions, SchedulePosition, ScheduleRun, ScheduleSummary } from './schedule.ts';
