/** A server without root, for real, in a virtual machine (guest/): an ordinary user, whose control group was handed over. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
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
cd /sys/fs/cgroup
echo +memory +cpu +pids > cgroup.subtree_control
mkdir ada
chown 1500:1500 ada ada/cgroup.procs ada/cgroup.subtree_control ada/cgroup.threads
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
const AS_USER = 'setpriv --reuid=ada --regid=ada --clear-groups env -i HOME=/home/ada PATH=/usr/bin:/bin';

test('a server works without root', { skip: lacksGuest(), timeout: LIMIT_MS + 200_000 }, async () => {
  const code = await runInGuest({
    script: `${MACHINE}\nexec ${AS_USER} node_modules/.bin/node --test e2e/guest/inside/rootless.ts`,
    onOutput: (text) => process.stdout.write(text),
    limitMs: LIMIT_MS,
  });
  assert.equal(code, 0);
});
