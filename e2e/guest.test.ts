/**
 * What only another kernel shows, in virtual machines with one processor (guest/): a server on control groups of version 2, and one that
 * an ordinary user started.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lacksGuest, runInGuest } from './guest/guest.ts';

const ROOT = join(import.meta.dirname, '..');
const LIMIT_MS = 600_000;
const NODE = 'node_modules/.bin/node --test --test-concurrency=1';

/** What an administrator and a service manager have done on an ordinary user's machine; and an Internet of one server. */
const MACHINE_OF_ADA = `
set -e
echo 'ada:x:1500:1500::/home/ada:/bin/sh' >> /etc/passwd
echo 'ada:x:1500:' >> /etc/group
echo ada:300000:65536 > /etc/subuid
echo ada:300000:65536 > /etc/subgid
install -d -o 1500 -g 1500 /home/ada
echo +memory +cpu +pids > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/ada
for file in . cgroup.procs cgroup.subtree_control cgroup.threads; do chown 1500:1500 /sys/fs/cgroup/ada/$file; done
ip netns add internet
ip link add wan0 type veth peer name eth0 netns internet
ip addr add 203.0.113.2/24 dev wan0
ip link set wan0 up
ip route add default via 203.0.113.1
ip -n internet addr add 203.0.113.1/24 dev eth0
ip -n internet link set eth0 up
# As udev has them.
chmod 666 /dev/net/tun
cd ${ROOT}
# Wherever root keeps the checkout: the guest's own view of it is open.
for directory in ${ROOT} $(dirname ${ROOT}) $(dirname $(dirname ${ROOT})); do chmod a+rx $directory; done
ip netns exec internet node_modules/.bin/node -e "http.createServer((_, answer) => answer.end('from outside')).listen(80)" &
# This very shell, which is one of another.
echo 0 > /sys/fs/cgroup/ada/cgroup.procs
`;

const AS_ADA = 'setpriv --reuid=ada --regid=ada --clear-groups env -i HOME=/home/ada PATH=/usr/bin:/bin';

/** Runs a shell script in a guest, from this checkout's root. */
async function passes(name: string, script: string): Promise<void> {
  const code = await runInGuest({
    script: `cd ${ROOT}\n${script}`,
    // Two guests talk at a time.
    onOutput: (line) => process.stdout.write(`${name}: ${line}`),
    limitMs: LIMIT_MS,
  });
  assert.equal(code, 0);
}

describe('in a guest', { skip: lacksGuest(), timeout: LIMIT_MS + 200_000, concurrency: true }, () => {
  it('a server works on control groups of version 2, as root', () =>
    passes(
      'root',
      `exec ${NODE} packages/linux/src/cgroup/cgroup.test.ts packages/linux/src/cgroup/drop-cache.test.ts ` +
        'e2e/guest/inside/control-groups-2.ts',
    ));

  it('a server works without root', () =>
    passes('ada', `${MACHINE_OF_ADA}exec ${AS_ADA} ${NODE} e2e/guest/inside/rootless.ts`));
});
