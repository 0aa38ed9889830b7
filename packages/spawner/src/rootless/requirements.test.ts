/** On this machine, with one thing taken away in a mount or user namespace of the test's own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const REQUIREMENTS = join(import.meta.dirname, 'requirements.ts');
const lacks = process.getuid!() !== 0 && 'only root may mount over the machine';
const lacksProgram = lacks || (!fs.existsSync('/usr/bin/newuidmap') && 'there is no newuidmap to begin with');
const lacksOverlay =
  lacksProgram || (!fs.readFileSync('/proc/filesystems', 'latin1').includes('overlay') && 'no overlay filesystem');

/** What is said to be missing where `take` has run. `GIVE` gives root users in /etc/subuid and /etc/subgid. */
function missing(take: string, namespaces: readonly string[] = ['--mount']): { message: string; hint: string } | null {
  const directory = fs.mkdtempSync(join(tmpdir(), 'hearth-lack-'));
  try {
    const check = `import(${JSON.stringify(REQUIREMENTS)}).then(({ checkRequirements }) => {
      try { checkRequirements(); console.log('null'); } catch ({ message, hint }) { console.log(JSON.stringify({ message, hint })); }
    })`;
    const script = `set -e; cd "$1"; ${take}\nexec "$2" --no-warnings -e "$3"`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      [...namespaces, '--propagation', 'unchanged', 'sh', '-c', script, 'sh', directory, process.execPath, check],
      { encoding: 'utf8', timeout: 60_000 },
    );
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as { message: string; hint: string } | null;
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

const GIVE = 'echo root:100000:65536 > ids; for f in subuid subgid; do mount --bind ids /etc/$f; done;';

describe('what an ordinary user needs', { skip: lacks }, () => {
  it('is users to give to sandboxes', () => {
    const found = missing('echo somebody:100000:65536 > ids; mount --bind ids /etc/subuid');
    assert.match(found?.message ?? '', /\/etc\/subuid gives user root 0 users/);
    assert.match(found?.hint ?? '', /usermod --add-subuids 100000-165535 root/);
  });

  it('is enough of them for an instance', () => {
    const found = missing(`${GIVE} echo root:100000:1000 > few; mount --bind few /etc/subgid`);
    assert.match(
      found?.message ?? '',
      /\/etc\/subgid gives user root 1000 users for sandboxes, and an instance takes 5120/,
    );
  });

  it('is newuidmap', { skip: lacksOverlay }, () => {
    const hide = 'mkdir up work; mount -t overlay -o lowerdir=/usr/bin,upperdir=up,workdir=work none /usr/bin';
    const found = missing(`${GIVE} mount -t tmpfs none "$1"; cd "$1"; ${hide}; rm /usr/bin/newuidmap`);
    assert.match(found?.message ?? '', /there is no newuidmap/);
    assert.match(found?.hint ?? '', /apt-get install -y uidmap/);
  });

  it('is to be allowed user namespaces', { skip: lacksProgram }, () => {
    const forbid = `${GIVE} echo 0 > /proc/sys/user/max_user_namespaces`;
    const found = missing(forbid, ['--user', '--map-root-user', '--mount']);
    assert.match(found?.message ?? '', /this user may not make namespaces: unshare/);
    assert.equal(found?.hint, 'sudo sysctl -w user.max_user_namespaces=15000');
  });
});
