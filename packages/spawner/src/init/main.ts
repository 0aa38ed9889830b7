/**
 * First step of an instance, still with the machine's rights, in a mount namespace of its own: builds the instance's
 * file tree, moves into it for good, and goes on as `enter` in the instance's other namespaces.
 */
import { execve, MS_SLAVE, pivotInto, setPropagation, writeFd } from '@hearth/linux';
import { CONTROL_FD, type InitConfig } from '../instance.ts';
import { buildRoot, ENTER, NODE } from './root.ts';

/**
 * No cgroup namespace: its root would be the group that this process is in, and where namespaces are borders (mount option
 * `nsdelegate` of version 2, which systemd sets) nobody could move into the groups beside it. Sandboxes have one each.
 */
const NAMESPACES = ['--user', '--keep-caps', '--mount', '--net', '--pid', '--ipc', '--uts'];
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

try {
  const config = JSON.parse(process.env['HEARTH_INIT'] ?? '') as InitConfig;
  // What the spawner mounts must still arrive here, and nothing from here there.
  setPropagation(MS_SLAVE);
  buildRoot(config);
  pivotInto(config.stage);
  const options = [...NAMESPACES, '--propagation', 'slave', '--fork', '--kill-child=SIGKILL'];
  execve('/usr/bin/unshare', ['unshare', ...options, NODE, '--no-warnings', ENTER], { PATH }, [0, 1, 2, CONTROL_FD]);
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  writeFd(CONTROL_FD, Buffer.from(`${text.replaceAll('\n', ' ')}\n`));
  process.exit(1);
}
