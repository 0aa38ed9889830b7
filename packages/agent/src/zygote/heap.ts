/**
 * Tells V8 how much memory the sandbox may use. V8 sizes its heap from the machine, once, at start; what it offers
 * later is to lower the limit, through a callback that is added and taken away again (design.md, fact 13).
 */
import koffi from 'koffi';
import { heapLimitMb } from './heap-sizes.ts';

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

/** Lowers the heap limit of this process to suit a function of this memory size. It can't be raised again. */
export function limitHeap(memoryMb: number): void {
  const isolate = currentIsolate() as unknown;
  addCallback(isolate, callback, null);
  removeCallback(isolate, callback, heapLimitMb(memoryMb) * MB);
}
