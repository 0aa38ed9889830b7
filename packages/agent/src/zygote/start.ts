/**
 * First program of a zygote. Of Node's own modules most functions are never called: they are compiled as they are needed, when
 * sandboxes' lives are rehearsed. Our own program has to be compiled in full before the first fork, which would do it again each time.
 */
import { setFlagsFromString } from 'node:v8';
import { preload } from '@hearth/runtime-node/preload';

/** The bundle of `main.ts`. By a name that the bundler doesn't follow. */
const PROGRAM = './zygote-main.mjs';

preload();
setFlagsFromString('--no-lazy');
await import(PROGRAM);
