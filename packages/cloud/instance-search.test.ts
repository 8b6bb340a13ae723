// Owns the tests of how instances are looked for: page by page, by an index, and only among one's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filter } from '@aws-sdk/client-ec2';
import { TestCloud } from './testing/test-cloud.ts';

/** All ids that match, gathered from pages of five. */
async function pageThrough(t: TestCloud, Filters: Filter[]): Promise<string[]> {
  const found: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await t.call('DescribeInstances', {
      Filters,
      MaxResults: 5,
      ...(NextToken === undefined ? {} : { NextToken }),
    });
    const ids = page.Reservations!.flatMap((one) => one.Instances!.map((i) => i.InstanceId!));
    assert.ok(ids.length <= 5);
    found.push(...ids);
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.equal(new Set(found).size, found.length, 'none comes twice');
  return found.sort();
}

test('pages of filtered instances have each match once, whether an index answers or all are read', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const of = (type: 't3.nano' | 't3.micro', count: number, value: string) =>
    t.launch(image, {
      InstanceType: type,
      MinCount: count,
      MaxCount: count,
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'part', Value: value }] }],
    });
  const [first, other, second] = [
    await of('t3.nano', 6, 'a'),
    await of('t3.micro', 7, 'b'),
    await of('t3.nano', 6, 'a'),
  ];
  const nanos = [...first, ...second].sort();
  assert.deepEqual(await pageThrough(t, [{ Name: 'instance-type', Values: ['t3.n*'] }]), nanos);
  assert.deepEqual(await pageThrough(t, [{ Name: 'tag:part', Values: ['a'] }]), nanos);
  const both = [
    { Name: 'tag:part', Values: ['a', 'b'] },
    { Name: 'instance-id', Values: [...other, first[0]!, `i-${'0'.repeat(17)}`] },
  ];
  assert.deepEqual(await pageThrough(t, both), [...other, first[0]!].sort());
  assert.deepEqual(
    await pageThrough(t, [{ Name: 'instance-id', Values: ['i-*'] }]),
    [...nanos, ...other].sort(),
  );
  const reservation = (await t.call('DescribeInstances', { InstanceIds: [other[0]!] }))
    .Reservations![0]!;
  const ofOne = [{ Name: 'reservation-id', Values: [reservation.ReservationId!] }];
  assert.deepEqual(await pageThrough(t, ofOne), other.toSorted());
});

test('an index finds nothing of another account', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  const { ReservationId } = (await t.call('DescribeInstances', {})).Reservations![0]!;
  await t.call('CreateTags', { Resources: [id!], Tags: [{ Key: 'k', Value: 'v' }] });
  const other = await t.addAccount('other');
  const named: Filter[] = [
    { Name: 'instance-id', Values: [id!] },
    { Name: 'reservation-id', Values: [ReservationId!] },
    { Name: 'tag:k', Values: ['v'] },
  ];
  for (const filter of named) {
    const { Reservations } = await t.callAs(other, 'DescribeInstances', {
      Filters: [filter],
    });
    assert.deepEqual(Reservations, [], filter.Name);
  }
  const tags = { Filters: [{ Name: 'resource-id', Values: [id!] }] };
  assert.deepEqual((await t.callAs(other, 'DescribeTags', tags)).Tags, []);
  assert.equal((await t.call('DescribeTags', tags)).Tags!.length, 1);
});
