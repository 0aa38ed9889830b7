/** Who the server is: started with privileges to start its spawner, it has none once it serves. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { SettingsError } from './settings.ts';

/** The server's user where root starts it and no person stands behind root. No such user need exist. */
const SERVER_UID = 1_999_990_000;

export interface ServerUser {
  uid: number;
  gid: number;
}

/** Whether this process has privileges to give away. */
export function startedAsRoot(): boolean {
  return process.getuid!() === 0;
}

/** The user that the server becomes: an ordinary user stays itself; where root starts it, who called `sudo`, else one that owns nothing else. */
export function serverUser(environment: NodeJS.ProcessEnv): ServerUser {
  if (!startedAsRoot()) return { uid: process.getuid!(), gid: process.getgid!() };
  const uid = Number(environment['SUDO_UID'] ?? SERVER_UID);
  const gid = Number(environment['SUDO_GID'] ?? SERVER_UID);
  return uid === 0 ? { uid: SERVER_UID, gid: SERVER_UID } : { uid, gid };
}

/** Makes the data directory and everything in it the user's. Instances have theirs from the spawner. */
export function giveDirectory(path: string, { uid, gid }: ServerUser): void {
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o755 });
    fs.accessSync(path, fs.constants.W_OK);
  } catch (error) {
    throw new SettingsError(
      `${path} can't be written: ${(error as Error).message}`,
      'Choose another --data directory.',
    );
  }
  // Who is no other user afterwards owns what it made, and may enter wherever it could make it.
  if (!startedAsRoot()) return;
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (!canSearch(parent, uid)) {
      throw new SettingsError(
        `${parent} is closed to user ${uid}, whom the server becomes`,
        `Choose another --data directory, or run  chmod a+x ${parent}`,
      );
    }
    if (parent === dirname(parent)) break;
  }
  giveTree(path, uid, gid);
  fs.chmodSync(path, 0o711);
}

function canSearch(path: string, uid: number): boolean {
  const found = fs.statSync(path);
  return (found.mode & 0o001) !== 0 || (found.uid === uid && (found.mode & 0o100) !== 0);
}

/** What the spawner keeps there for itself. */
const SPAWNERS = new Set(['instances', 'volumes', 'groups']);

function giveTree(path: string, uid: number, gid: number): void {
  fs.lchownSync(path, uid, gid);
  if (!fs.lstatSync(path).isDirectory()) return;
  for (const name of fs.readdirSync(path)) if (!SPAWNERS.has(name)) giveTree(join(path, name), uid, gid);
}

/** Gives root's privileges up for good. */
export function becomeUser({ uid, gid }: ServerUser): void {
  if (startedAsRoot()) {
    process.setgroups!([]);
    process.setgid!(gid);
    process.setuid!(uid);
  }
  process.umask(0o077);
}
