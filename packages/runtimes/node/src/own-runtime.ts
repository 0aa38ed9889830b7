import type { RuntimeId } from '@hearth/protocol';

/** AWS's name of the runtime whose Node this process runs. */
export const OWN_RUNTIME = `nodejs${process.versions.node.split('.')[0] ?? ''}.x` as RuntimeId;
