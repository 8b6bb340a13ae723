// Owns the tests of the models in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ec2Model } from '../ec2/model.ts';
import { loadServiceModel, type Shape, type StructureShape } from './service-model.ts';

test('an operation knows its pages, its filters and what makes it idempotent', () => {
  const describe = ec2Model().findOperation('DescribeInstances')!;
  assert.deepEqual(describe.pagination, {
    inputToken: 'NextToken',
    outputToken: 'NextToken',
    pageSize: 'MaxResults',
  });
  assert.ok(describe.filterNames.includes('instance-state-name'));
  assert.ok(
    ec2Model().findOperation('DescribeNatGateways')!.filterNames.includes('nat-gateway-id'),
  );
  assert.equal(ec2Model().findOperation('RunInstances')!.input!.tokenMember, 'ClientToken');
  assert.equal(ec2Model().findOperation('RebootInstances')!.output, undefined);
  assert.equal(ec2Model().findOperation('toString'), undefined);
});

test('every shape of every operation resolves, and no two members of one share a name on the wire', () => {
  const seen = new Set<Shape>();
  const visit = (shape: Shape | undefined) => {
    if (shape === undefined || seen.has(shape)) return;
    seen.add(shape);
    if (shape.kind === 'list') visit(shape.item);
    if (shape.kind === 'structure') visitMembers(shape);
  };
  const visitMembers = (shape: StructureShape) => {
    assert.equal(shape.byKey.size, shape.members.length, `${shape.name} in requests`);
    assert.equal(shape.byElement.size, shape.members.length, `${shape.name} in answers`);
    for (const member of shape.members) visit(member.shape);
  };
  const model = loadServiceModel('ec2');
  for (const name of model.operationNames) {
    const { input, output } = model.findOperation(name)!;
    visit(input);
    visit(output);
  }
  assert.ok(seen.size > 3000);
});

test('loading takes less than 100 ms', () => {
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    loadServiceModel('ec2');
    return performance.now() - start;
  });
  assert.ok(Math.min(...times) < 100, `took ${times.map(Math.round).join(', ')} ms`);
});
