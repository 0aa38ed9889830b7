import { ApiError } from '@hearth/protocol';

export type Architecture = 'x86_64' | 'arm64';

/** AWS's name of the architecture that this process runs on. */
export function machineArchitecture(arch: string = process.arch): Architecture {
  return arch === 'arm64' ? 'arm64' : 'x86_64';
}

/**
 * The architecture of a function: the one asked for, else the default, which is the first that can be run here.
 * (AWS's default is x86_64; a function that says nothing must run on an arm64 machine too.)
 *
 * @throws ApiError InvalidParameterValueException for one that can't be run.
 */
export function chooseArchitecture(able: readonly Architecture[], asked: readonly string[] | undefined): Architecture {
  const architecture = asked?.[0] ?? able[0];
  const known = able.find((candidate) => candidate === architecture);
  if (known !== undefined && (asked?.length ?? 1) === 1) return known;
  throw new ApiError(
    'InvalidParameterValueException',
    `Architectures must hold one value, and this machine runs ${able.join(' and ')} only. ` +
      'Hint: leave Architectures out, or run Hearth on a machine of the other kind.',
  );
}
