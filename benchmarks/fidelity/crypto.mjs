// OpenSSL in the main thread: hashes, a cipher, a signature; and in the thread pool: keys derived from passwords.
import crypto from 'node:crypto';
import { promisify } from 'node:util';
import { measure } from './measure.mjs';

const data = Buffer.alloc(256 * 1024, 'hearth');
const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
const key = Buffer.alloc(32, 1);
const scrypt = promisify(crypto.scrypt);
const pbkdf2 = promisify(crypto.pbkdf2);

async function work() {
  const hash = crypto.createHash('sha256').update(data).digest();
  const cipher = crypto.createCipheriv('aes-256-gcm', key, hash.subarray(0, 12));
  const secret = Buffer.concat([cipher.update(data), cipher.final()]);
  const signature = crypto.sign(null, hash, privateKey);
  if (!crypto.verify(null, hash, publicKey, signature)) throw new Error('the signature is wrong');
  const keys = await Promise.all([
    scrypt('password', hash, 32, { N: 1024 }),
    pbkdf2('password', hash, 2000, 32, 'sha256'),
    pbkdf2('password', signature, 2000, 32, 'sha512'),
  ]);
  return secret.length + keys.length;
}

export const handler = measure(work);
