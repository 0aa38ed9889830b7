import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { KeyRing, MASTER_KEY_BYTES, MasterKeyError } from './key-ring.ts';

/** Names in the data directory. */
const KEY_FILE = 'master.key';
/** Tells which key the data was sealed with, so that a lost key is noticed and not replaced. */
const NAME_FILE = 'master.key.name';

const HEADER =
  '# The master key of this Hearth. Without it, keys and environment variables in this directory are lost: back it up.\n';

/** Where the master key comes from. */
type Source =
  /** The server's own file, which it makes and may change. */
  | { kind: 'own'; file: string }
  /** Given by whoever runs the server, in a file or in the environment: theirs to change. */
  | { kind: 'file'; file: string }
  | { kind: 'variable'; text: string };

/**
 * The master key of an installation, wherever it is kept: HEARTH_MASTER_KEY_FILE or HEARTH_MASTER_KEY where one is set,
 * else a file of its owner's alone in the data directory, made at the first start.
 *
 * A key is 64 hexadecimal digits. There may be several, one a line (or with commas between them): the first is used, the
 * others only open what they have sealed.
 */
export class MasterKey {
  readonly ring: KeyRing;
  readonly #data: string;
  readonly #source: Source;

  private constructor(data: string, source: Source, keys: readonly Buffer[]) {
    this.ring = new KeyRing(keys);
    this.#data = data;
    this.#source = source;
  }

  /**
   * Reads the key, or makes one where nothing was ever sealed. Takes the variable out of the environment, so that no
   * process inherits it.
   *
   * @throws MasterKeyError that says what to do where the key is lost, is another one, or may be read by others.
   */
  static open(data: string, environment: NodeJS.ProcessEnv): MasterKey {
    const source = sourceOf(data, environment);
    delete environment['HEARTH_MASTER_KEY'];
    const name = readName(data);
    if (source.kind === 'own' && !fs.existsSync(source.file)) {
      if (name !== undefined) {
        throw new MasterKeyError(
          `${source.file} is gone, and what is kept in ${data} is sealed with it (master key ${name})`,
          'Put it back from your backup, or name it with HEARTH_MASTER_KEY_FILE. To give up all keys and functions, use another --data directory.',
        );
      }
      replaceFile(source.file, `${HEADER}${randomBytes(MASTER_KEY_BYTES).toString('hex')}\n`);
    }
    const key = new MasterKey(data, source, readKeys(source));
    if (name !== undefined && !key.ring.has(name)) {
      throw new MasterKeyError(
        `${data} is sealed with master key ${name}, and the one that is given is ${key.ring.fingerprint}`,
        'Give the right one (from your backup), or both, the new one first. Nothing has been changed.',
      );
    }
    return key;
  }

  /**
   * Makes a new key the current one; the old ones stay in the file until `settle`.
   *
   * @throws MasterKeyError where the key is not the server's own to change.
   */
  rotate(): void {
    if (this.#source.kind !== 'own') {
      throw new MasterKeyError(
        "the master key is given by HEARTH_MASTER_KEY or HEARTH_MASTER_KEY_FILE, so it isn't the server's to change",
        'Put a new key before the old one there and start the server again: it then seals everything anew.',
      );
    }
    const made = randomBytes(MASTER_KEY_BYTES);
    const all = [made, ...readKeys(this.#source)].map((key) => `${key.toString('hex')}\n`);
    replaceFile(this.#source.file, HEADER + all.join(''));
    this.ring.rotate(made);
  }

  /** Everything is sealed with the current key: says so in the data directory, and forgets older keys of its own file. */
  settle(): void {
    if (readName(this.#data) !== this.ring.fingerprint) {
      replaceFile(join(this.#data, NAME_FILE), `${this.ring.fingerprint}\n`);
    }
    if (this.#source.kind !== 'own') return;
    const [current, ...old] = readKeys(this.#source);
    if (old.length > 0) replaceFile(this.#source.file, `${HEADER}${current!.toString('hex')}\n`);
  }
}

function sourceOf(data: string, environment: NodeJS.ProcessEnv): Source {
  const file = environment['HEARTH_MASTER_KEY_FILE'];
  if (file !== undefined && file !== '') return { kind: 'file', file };
  const text = environment['HEARTH_MASTER_KEY'];
  if (text !== undefined && text !== '') return { kind: 'variable', text };
  return { kind: 'own', file: join(data, KEY_FILE) };
}

function readKeys(source: Source): Buffer[] {
  const where = source.kind === 'variable' ? 'HEARTH_MASTER_KEY' : source.file;
  const text = source.kind === 'variable' ? source.text : readFile(source.file);
  const keys = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(','))
    .map((key) => key.trim())
    .filter((key) => key !== '');
  if (keys.length === 0 || !keys.every((key) => /^[0-9a-fA-F]{64}$/.test(key))) {
    throw new MasterKeyError(
      `${where} holds no master key`,
      'A key is 64 hexadecimal digits, one a line. Make one with  openssl rand -hex 32 , or put your backup back.',
    );
  }
  return keys.map((key) => Buffer.from(key, 'hex'));
}

function readFile(file: string): string {
  let text: string;
  let mode: number;
  try {
    ({ mode } = fs.statSync(file));
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new MasterKeyError(
      `the master key can't be read: ${(error as Error).message}`,
      'Look at HEARTH_MASTER_KEY_FILE and at who may read that file.',
    );
  }
  if ((mode & 0o007) !== 0) {
    throw new MasterKeyError(`${file} may be read by everyone on this machine`, `Run  chmod 600 ${file}`);
  }
  return text;
}

function readName(data: string): string | undefined {
  const file = join(data, NAME_FILE);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined;
}

/** A file of its owner's alone appears whole or not at all, and survives a loss of power. */
function replaceFile(file: string, text: string): void {
  const aside = `${file}.new`;
  fs.rmSync(aside, { force: true });
  fs.writeFileSync(aside, text, { mode: 0o600, flush: true });
  fs.renameSync(aside, file);
  const directory = fs.openSync(dirname(file), 'r');
  fs.fsyncSync(directory);
  fs.closeSync(directory);
}
