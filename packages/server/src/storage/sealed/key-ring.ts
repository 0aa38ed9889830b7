import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]+)$/;

/** Bytes of a master key. */
export const MASTER_KEY_BYTES = 32;

interface RingKey {
  readonly fingerprint: string;
  readonly master: Buffer;
  readonly seal: Buffer;
}

/** Something was sealed with a master key that isn't here. Nothing is lost: with that key it opens. */
export class MasterKeyError extends Error {
  override name = 'MasterKeyError';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Seals secrets for the disk, and opens them again: AES-256-GCM, with a key that follows from the installation's master
 * key (HKDF, RFC 5869). Sealing uses the current master key; what older ones in the ring have sealed opens too, so that
 * the master key can be changed while everything goes on.
 */
export class KeyRing {
  #keys: readonly RingKey[];
  readonly #derived = new Map<string, readonly Buffer[]>();

  /** @param masterKeys 32 bytes each, the current one first. */
  constructor(masterKeys: readonly Buffer[]) {
    if (masterKeys.length === 0) throw new Error('a key ring needs a key');
    this.#keys = masterKeys.map(ringKey);
  }

  /** Names the current master key, and tells nothing about it. */
  get fingerprint(): string {
    return this.#keys[0]!.fingerprint;
  }

  /** Whether a master key of this name is here. */
  has(fingerprint: string): boolean {
    return this.#keys.some((key) => key.fingerprint === fingerprint);
  }

  /** Seals from now on with another master key; what was sealed before opens as long as this object lives. */
  rotate(masterKey: Buffer): void {
    const key = ringKey(masterKey);
    this.#keys = [key, ...this.#keys.filter(({ fingerprint }) => fingerprint !== key.fingerprint)];
    this.#derived.clear();
  }

  /**
   * @param context what the text belongs to, for instance the id of its record: only with the same context it opens, so
   *   that a sealed text can't be moved to where it would mean something else.
   */
  seal(text: string, context: string): string {
    const { fingerprint, seal } = this.#keys[0]!;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, seal, iv).setAAD(Buffer.from(context));
    const bytes = Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    return `sealed:1:${fingerprint}:${bytes.toString('base64url')}`;
  }

  /**
   * The text that was sealed.
   *
   * @throws MasterKeyError where its master key isn't here.
   * @throws Error where it is not what was sealed for this context.
   */
  open(sealed: string, context: string): string {
    const [, fingerprint, data = ''] = SEALED.exec(sealed) ?? [];
    if (fingerprint === undefined) throw new Error(`what is stored of ${context} is not a sealed text`);
    const key = this.#keys.find((each) => each.fingerprint === fingerprint);
    if (key === undefined) {
      throw new MasterKeyError(
        `${context} is sealed with master key ${fingerprint}, and the one that is given is ${this.fingerprint}`,
        'Give the right master key (from your backup), or both, the new one first; nothing has been changed.',
      );
    }
    const bytes = Buffer.from(data, 'base64url');
    const decipher = createDecipheriv(CIPHER, key.seal, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new Error(`what is stored of ${context} has been damaged or belongs to something else`, { cause });
    }
  }

  /** Whether a sealed text is sealed with the current master key. */
  isCurrent(sealed: string): boolean {
    return SEALED.exec(sealed)?.[1] === this.fingerprint;
  }

  /** A key for another purpose from each master key, the current one's first. 32 bytes each. */
  derive(purpose: string): readonly Buffer[] {
    const known = this.#derived.get(purpose);
    if (known !== undefined) return known;
    const made = this.#keys.map(({ master }) => derive(master, purpose, 32));
    this.#derived.set(purpose, made);
    return made;
  }
}

/** Whether a text has the form of a sealed one. */
export function isSealed(text: string): boolean {
  return SEALED.test(text);
}

function ringKey(master: Buffer): RingKey {
  if (master.length !== MASTER_KEY_BYTES) throw new Error(`a master key has ${MASTER_KEY_BYTES} bytes`);
  return { fingerprint: derive(master, 'name', 8).toString('hex'), master, seal: derive(master, 'seal', 32) };
}

function derive(master: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `hearth ${purpose}`, bytes));
}
