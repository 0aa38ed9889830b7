export * from './glossary.ts';
export * from './function-spec.ts';
export * from './environment.ts';
export * from './frames.ts';
export * from './messages.ts';
export * from './control.ts';
export * from './spawner.ts';
export * from './errors.ts';
