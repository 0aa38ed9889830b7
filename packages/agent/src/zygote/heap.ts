/**
 * Tells V8 how much memory the sandbox may use. V8 sizes its heap from the machine, once, at start; what it offers
 * later is to lower the limit, through a callback that is added and taken away again (design.md, fact 13).
 */
import koffi from 'koffi';

const self = koffi.load(null);
const currentIsolate = self.func('void* _ZN2v87Isolate10GetCurrentEv()');
const callbackType = koffi.proto('size_t NearHeapLimit(void*, size_t, size_t)');
const addCallback = self.func('_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_', 'void', [
  'void*',
  koffi.pointer(callbackType),
  'void*',
]);
const removeCallback = self.func('_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm', 'void', [
  'void*',
  koffi.pointer(callbackType),
  'size_t',
]);

/** Registered once, before any fork: V8 only compares its address. */
const callback = koffi.register((_data: unknown, current: number) => current, koffi.pointer(callbackType));

const MB = 1024 * 1024;

/**
 * The share of a function's memory that its JavaScript heap may take: what the runtime needs besides (young
 * generation, code, stacks, buffers) is left out. 75 MB of 128, 170 of 256, 400 of 512, then 85 %.
 */
function heapLimitMb(memoryMb: number): number {
  if (memoryMb <= 128) return Math.floor(memoryMb * 0.59);
  if (memoryMb <= 256) return Math.floor(75 + (memoryMb - 128) * 0.74);
  if (memoryMb <= 512) return Math.floor(170 + (memoryMb - 256) * 0.9);
  return Math.floor(memoryMb * 0.85) - 35;
}

/** Lowers the heap limit of this process to suit a function of this memory size. It can't be raised again. */
export function limitHeap(memoryMb: number): void {
  const isolate = currentIsolate() as unknown;
  addCallback(isolate, callback, null);
  removeCallback(isolate, callback, heapLimitMb(memoryMb) * MB);
}
