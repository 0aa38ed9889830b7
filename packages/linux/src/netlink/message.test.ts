import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { describe, it } from 'node:test';
import { networkAddress, parseIpv4, prefixMask } from './ipv4.ts';
import { attribute, be32, cString, decodeAttributes, decodeMessages, encodeMessage, nested, u32 } from './message.ts';

describe("netlink's bytes", () => {
  it('are padded to four, with lengths that do not count the padding', { skip: endianness() !== 'LE' }, () => {
    assert.equal(attribute(3, cString('lo')).toString('hex'), '070003006c6f0000');
    assert.equal(nested(1, attribute(2, Buffer.from([5]))).toString('hex'), '0c0001800500020005000000');
    assert.equal(encodeMessage(16, 5, 7, Buffer.from([9])).toString('hex'), '1100000010000500070000000000000009000000');
  });

  it('are read as written', () => {
    const payload = Buffer.concat([attribute(1, cString('odd')), nested(2, attribute(1, u32(0xffff_fffe)))]);
    const datagram = Buffer.concat([encodeMessage(20, 1, 1, payload), encodeMessage(21, 2, 2, Buffer.alloc(1))]);
    const messages = [...decodeMessages(datagram)];
    assert.deepEqual(
      messages.map(({ type, flags, sequence }) => [type, flags, sequence]),
      [
        [20, 1, 1],
        [21, 2, 2],
      ],
    );
    const attributes = decodeAttributes(messages[0]?.payload ?? Buffer.alloc(0));
    assert.equal(attributes.get(1)?.toString(), 'odd\0');
    assert.deepEqual(decodeAttributes(attributes.get(2) ?? Buffer.alloc(0)).get(1), u32(0xffff_fffe));
  });

  it('that are cut short anywhere are left out, and end the reading', () => {
    const datagram = encodeMessage(20, 1, 1, attribute(1, Buffer.alloc(8)));
    for (let end = 0; end < datagram.length; end++)
      assert.deepEqual([...decodeMessages(datagram.subarray(0, end))], []);
    const attributes = Buffer.concat([attribute(1, Buffer.alloc(4)), attribute(2, Buffer.alloc(4))]);
    for (let end = 8; end < 16; end++) assert.deepEqual([...decodeAttributes(attributes.subarray(0, end)).keys()], [1]);
    assert.equal(decodeAttributes(Buffer.alloc(16)).size, 0);
  });

  it('of nf_tables are in network order, negative ones too', () => {
    assert.equal(be32(100).toString('hex'), '00000064');
    assert.equal(be32(-5).toString('hex'), 'fffffffb');
  });
});

describe('IPv4 networks', () => {
  it('have masks from nothing to everything', () => {
    const masks = [0, 1, 15, 22, 31, 32].map((prefix) => prefixMask(prefix).toString('hex'));
    assert.deepEqual(masks, ['00000000', '80000000', 'fffe0000', 'fffffc00', 'fffffffe', 'ffffffff']);
    assert.deepEqual(networkAddress({ address: '10.1.255.7', prefix: 22 }), Buffer.from([10, 1, 252, 0]));
  });

  it('are refused where they are none', () => {
    for (const text of ['', '10.0.0', '10.0.0.256', '::1', '010.0.0.1', '10.0.0.1 ']) {
      assert.throws(() => parseIpv4(text), RangeError, text);
    }
    for (const prefix of [-1, 33, 1.5, Number.NaN]) assert.throws(() => prefixMask(prefix), RangeError);
  });
});
