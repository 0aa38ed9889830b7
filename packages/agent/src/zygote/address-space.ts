/**
 * Where V8's heap lies in this process's addresses, and so in those of all its forks.
 *
 * V8 asks for each chunk of its heap (256 KB) at a random address, 46 bits wide. Each then needs a page of page tables of its own,
 * often two or three: almost a megabyte in every sandbox. Where that address is taken the kernel chooses one, next to the
 * last: so all of these addresses are taken here, by mappings that nothing may touch and that cost nothing.
 */
import * as fs from 'node:fs';
import { reserveAddresses } from '@hearth/linux';

/** Below are the program itself, where it isn't position independent, and what it allocates with brk(2). */
const FIRST = 0x1_0000_0000;
/** What V8 chooses from; the kernel's own choice lies above. */
const LAST = 0x4000_0000_0000;

/** Each time V8 may have put a chunk where the list of a moment ago had a hole; it needs few while this runs. */
const ATTEMPTS = 20;

/**
 * Takes all addresses that V8 would choose from and that are free. To be called early: what lies there already stays. Where a
 * process may not have so many addresses, or the kernel has fewer, the heap stays scattered: that costs memory, no more.
 */
export function packHeap(): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return fillHoles();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'ENOMEM') return;
      if (code !== 'EEXIST' || attempt === ATTEMPTS) throw error;
    }
  }
}

function fillHoles(): void {
  let free = FIRST;
  for (const line of fs.readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (end === '') continue;
    const next = Math.min(parseInt(start, 16), LAST);
    if (next > free) reserveAddresses(free, next - free);
    free = Math.max(free, parseInt(end, 16));
  }
  if (free < LAST) reserveAddresses(free, LAST - free);
}
