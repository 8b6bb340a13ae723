import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCompleteMultipartUpload, parseCreateBucket, parseDelete } from './requests.ts';
import { parseXml } from './xml-reader.ts';
import { element, renderXml } from './xml-writer.ts';

const MALFORMED = { kind: 'malformed-input', resource: 'xml' };

test('text is escaped and read back', () => {
  const text = `<a href="x">&amp; 'é' 🙂\r\n\t]]></a>`;
  const xml = renderXml(element('Root', [element('Item', text)]));
  assert.equal(parseXml(Buffer.from(xml), 'Root').children[0]?.text, text);
});

test('control characters become references, as AWS writes them', () => {
  assert.match(renderXml(element('Key', 'a\u0001b')), /<Key>a&#x1;b<\/Key>/);
});

test('A5: a document type is refused, entities or not', () => {
  const bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Delete>&b;</Delete>';
  assert.throws(() => parseXml(Buffer.from(bomb), 'Delete'), MALFORMED);
  assert.throws(() => parseXml(Buffer.from('<!DOCTYPE Delete><Delete/>'), 'Delete'), MALFORMED);
  assert.throws(() => parseXml(Buffer.from('<Delete>&undefined;</Delete>'), 'Delete'), MALFORMED);
});

test('depth, size, encoding and the root are checked', () => {
  const deep = `${'<a>'.repeat(50)}${'</a>'.repeat(50)}`;
  const wide = `<a>${'<b/>'.repeat(100_001)}</a>`;
  for (const text of [deep, wide, '', '<a>', '<a></b>', '<a/><b/>', 'text', '<b/>']) {
    assert.throws(() => parseXml(Buffer.from(text), 'a'), MALFORMED, text.slice(0, 20));
  }
  assert.throws(() => parseXml(Buffer.from([0x3c, 0x61, 0x3e, 0xff]), 'a'), MALFORMED);
  assert.throws(() => parseXml(Buffer.alloc(5_000_000, ' '), 'a'), MALFORMED);
});

test('A5: a megabyte of character references is refused, and as many as clients send are read', () => {
  const body = Buffer.from(
    `<Delete><Object><Key>${'&#65;'.repeat(200_000)}</Key></Object></Delete>`,
  );
  assert.throws(() => parseDelete(body), /too many references/);
  const quoted = `<Delete><Object><Key>${'&#65;'.repeat(30_000)}</Key></Object></Delete>`;
  assert.equal(parseDelete(Buffer.from(quoted)).objects[0]?.key.length, 30_000);
});

test('requests are read with and without a namespace or prefix', () => {
  const xml =
    '<s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Object><s:Key> a </s:Key></s:Object></s:Delete>';
  assert.deepEqual(parseDelete(Buffer.from(xml)), {
    quiet: false,
    objects: [{ key: ' a ', versionId: undefined, etag: undefined }],
  });
  assert.deepEqual(parseCreateBucket(Buffer.alloc(0)), { locationConstraint: undefined, tags: [] });
});

test('parts carry number, entity tag and checksums; anything else is refused', () => {
  const part =
    '<Part><PartNumber>3</PartNumber><ETag>"x"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>';
  const wrap = (inner: string) =>
    Buffer.from(`<CompleteMultipartUpload>${inner}</CompleteMultipartUpload>`);
  assert.deepEqual(parseCompleteMultipartUpload(wrap(part)), [
    { partNumber: 3, etag: '"x"', checksums: { crc32: 'AAAAAA==' } },
  ]);
  for (const inner of ['', '<Part/>', part.replace('>3<', '>x<'), part.repeat(10_001)]) {
    assert.throws(() => parseCompleteMultipartUpload(wrap(inner)), MALFORMED);
  }
});
