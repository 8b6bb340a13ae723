import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median } from '@ironbark/lab/run/statistics.ts';
import { parseRate } from '@ironbark/lab/workloads/dd.ts';
import { parseFioRate, parseReadIops } from './fio.ts';
import { atLeast, atMost, notRun, renderRows, verdictOf } from './rows.ts';

test('a row is held to its side of the bar, and one that was not run is not reached', () => {
  const row = { row: '1' };
  assert.equal(verdictOf(atLeast(row, 'a', { value: 0.95, bar: 0.95 })), 'ok');
  assert.equal(verdictOf(atLeast(row, 'a', { value: 0.94, bar: 0.95 })), 'MISSED');
  assert.equal(verdictOf(atMost(row, 'a', { value: 1.2, bar: 1.1 })), 'MISSED');
  assert.equal(verdictOf(notRun('1', 'a', 'no limits')), 'not run');
  assert.equal(verdictOf(atLeast(row, 'a', { value: Number.NaN, bar: 0.1 })), 'MISSED');
});

test('the table has a line for each row, with its bar and what explains it', () => {
  const rows = [
    atLeast({ row: '4', isHard: true }, 'reads', { value: 1.1834, bar: 1, beside: 'host 87 MB/s' }),
    notRun('13', 'limits', 'none'),
  ];
  assert.deepEqual(
    renderRows(rows)
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ')),
    ['4 reads 1.18 x ≥ 1 ok (hard) host 87 MB/s', '13 limits - not run none'],
  );
});

test('what dd and fio print is read as rates', () => {
  const dd = '1024+0 records in\n67108864 bytes (67 MB, 64 MiB) copied, 0.887276 s, 75.6 MB/s';
  assert.equal(Math.round(parseRate(dd)), 76);
  assert.throws(() => parseRate('dd: no such device'), /no such device/);
  const fields = Array.from({ length: 130 }, () => '0');
  [fields[6], fields[7], fields[47]] = ['4096', '1024', '1000'];
  const fio = `3;fio-3.33;${fields.slice(2).join(';')}`;
  assert.equal(parseReadIops(fio), 1024);
  assert.equal(parseFioRate(fio), 5.218304);
});

test('the median of an even number is between the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
});
