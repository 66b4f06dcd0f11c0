export * from './init/initialize.ts';
export * from './init/initializers.ts';
export * from './layout.ts';
export * from './module.ts';
export * from './parameter.ts';
export * from './stateDict.ts';
