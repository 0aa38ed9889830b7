/**
 * What only another kernel shows, in a virtual machine (guest/): a server on control groups of version 2, and one that an
 * ordinary user started. Both run beside each other, in one guest.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { lacksGuest, runInGuest } from './guest/guest.ts';

const ROOT = join(import.meta.dirname, '..');
const LIMIT_MS = 600_000;

/** What an administrator and a service manager have done on such a machine; and an Internet of one server. */
const MACHINE = `
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
set +e
`;

const NODE = 'node_modules/.bin/node --test --test-concurrency=1';
const AS_USER = 'setpriv --reuid=ada --regid=ada --clear-groups env -i HOME=/home/ada PATH=/usr/bin:/bin';
/** Shell commands; all may take their time at once. */
const SUITES = {
  root: `${NODE} packages/linux/src/cgroup/cgroup.test.ts packages/linux/src/cgroup/drop-cache.test.ts e2e/guest/inside/control-groups-2.ts`,
  // The shell is one of ada's group before it becomes ada.
  user: `echo 0 > /sys/fs/cgroup/ada/cgroup.procs; ${AS_USER} ${NODE} e2e/guest/inside/rootless.ts`,
};
type Suite = keyof typeof SUITES;

describe('in a guest', { skip: lacksGuest(), timeout: LIMIT_MS + 200_000 }, () => {
  const exitCodes = new Map<Suite, number>();

  before(
    async () => {
      const running = Object.entries(SUITES).map(
        ([name, command]) =>
          `( sh -c '${command}'; echo "exit code $?" ) 2>&1 | while IFS= read -r line; do echo "${name}: $line"; done & suites="$suites $!"`,
      );
      let rest = '';
      await runInGuest({
        script: [MACHINE, ...running, 'wait $suites'].join('\n'),
        onOutput: (text) => {
          process.stdout.write(text);
          const lines = (rest + text).split('\n');
          rest = lines.pop()!;
          for (const line of lines) {
            const found = /^(\w+): exit code (\d+)$/.exec(line);
            if (found !== null) exitCodes.set(found[1] as Suite, Number(found[2]));
          }
        },
        limitMs: LIMIT_MS,
      });
    },
    { timeout: LIMIT_MS + 200_000 },
  );

  it('a server works on control groups of version 2, as root', () => assert.equal(exitCodes.get('root'), 0));
  it('a server works without root', () => assert.equal(exitCodes.get('user'), 0));
});
