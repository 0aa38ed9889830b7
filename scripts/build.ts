/** Bundles what runs inside instances and sandboxes into dist/, one file for each program, and puts the AWS SDK beside the runtime. */
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { layOutAwsSdk } from './aws-sdk.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: {
    init: 'packages/spawner/src/init/main.ts',
    enter: 'packages/spawner/src/init/enter.ts',
    agent: 'packages/agent/src/main.ts',
    zygote: 'packages/agent/src/zygote/start.ts',
    'zygote-main': 'packages/agent/src/zygote/main.ts',
    'runtime/rehearsal': 'packages/runtimes/node/src/rehearsal-function.ts',
    'runtime/exec': 'packages/runtimes/node/src/exec.ts',
  },
  outdir: dist,
  write: false,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  external: ['koffi'],
  // Parts of yauzl are CommonJS and call require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
});
// Running instances have these folders mounted and start programs from them: each file is replaced in one step.
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, contents);
  renameSync(`${path}.new`, path);
}
layOutAwsSdk(root, join(dist, 'runtime/node_modules'));
// Where AWS has its certificates (https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html); seen from inside a sandbox.
const certificates = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'].find((path) =>
  existsSync(path),
);
const link = join(dist, 'runtime/ca-cert.pem');
rmSync(link, { force: true });
if (certificates !== undefined) symlinkSync(certificates, link);
