import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disagrees, paperClaims, shareOf } from './paper-claims.ts';
import { paperLabel, paperTable } from './paper-rows.ts';

test('both tables have their nineteen rows, three of them Eucalyptus’ defaults for each VMM', () => {
  for (const direction of ['write', 'read'] as const) {
    const rows = paperTable(direction);
    assert.equal(rows.length, 19);
    assert.deepEqual(rows.filter(({ isDefault }) => isDefault).map(paperLabel), [
      'KVM, local file, SCSI/sparse file (*)',
      'Xen, local file, SCSI/pre-alloc file (*)',
      'KVM, EBS, SCSI/phy (*)',
      'Xen, EBS, SCSI/phy (*)',
    ]);
    assert.equal(rows.filter(({ seen }) => seen !== undefined).length, 10);
  }
});

test('a row’s share is of the bare machine’s rate on the same target', () => {
  const [, sparse] = paperTable('write');
  assert.equal(shareOf(sparse!), 1.3 / 111);
  const ebs = paperTable('read').find((row) => row.vmm === 'kvm' && row.target === 'ebs');
  assert.equal(shareOf(ebs!), 49.5 / 55.8);
  const bought = paperTable('read').find(({ vmm }) => vmm === 'ec2');
  assert.equal(shareOf(bought!), undefined);
});

test('text and tables disagree in the three places that are known, and in no other', () => {
  const wrong = paperClaims().filter(disagrees);
  assert.deepEqual(
    wrong.map(({ what, said, computed }) => [what, said, Math.round(computed)]),
    [
      ['default local read', 38, 33],
      ['best default local write', 51, 53],
      ['request of a write to a sparse file', 15, 30],
    ],
  );
});
