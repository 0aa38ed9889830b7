export { CGROUP_ROOT, cgroupAt, machineCgroup } from './machine.ts';
export type { Cgroup, Controller } from './port.ts';
export { CONTROLLERS } from './port.ts';
