// Owns DescribeInstanceAttribute.

import type { Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { notOffered } from '../app/refusals.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import { requireSole } from '../app/sole-interface.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { getInstanceRecords, type InstanceRecord } from './instance-records.ts';
import { renderInstance } from './render-instance.ts';

type Output = Ec2Output<'DescribeInstanceAttribute'>;
type Render = (record: InstanceRecord<InstanceRow>, region: string) => Partial<Output>;

const ATTRIBUTES: Readonly<Record<string, Render>> = {
  instanceType: ({ row }) => ({ InstanceType: { Value: row.instanceType } }),
  userData: ({ row }) => ({ UserData: row.userData === null ? {} : { Value: row.userData } }),
  disableApiTermination: ({ row }) => ({
    DisableApiTermination: { Value: row.disableApiTermination === 1 },
  }),
  disableApiStop: ({ row }) => ({ DisableApiStop: { Value: row.disableApiStop === 1 } }),
  instanceInitiatedShutdownBehavior: ({ row }) => ({
    InstanceInitiatedShutdownBehavior: { Value: row.shutdownBehavior },
  }),
  rootDeviceName: ({ row }) => ({ RootDeviceName: { Value: row.rootDeviceName } }),
  blockDeviceMapping: (record, region) => ({
    BlockDeviceMappings: renderInstance(record, region).BlockDeviceMappings ?? [],
  }),
  groupSet: (record, region) => {
    requireSole(record.row.id, record.interfaces);
    return { Groups: renderInstance(record, region).SecurityGroups ?? [] };
  },
  productCodes: () => ({ ProductCodes: [] }),
  ebsOptimized: () => ({ EbsOptimized: { Value: false } }),
  enaSupport: () => ({ EnaSupport: { Value: false } }),
  enclaveOptions: () => ({ EnclaveOptions: { Enabled: false } }),
  sourceDestCheck: ({ row, interfaces }) => ({
    SourceDestCheck: { Value: requireSole(row.id, interfaces)?.row.sourceDestCheck !== 0 },
  }),
  kernel: () => ({ KernelId: {} }),
  ramdisk: () => ({ RamdiskId: {} }),
  sriovNetSupport: () => ({ SriovNetSupport: {} }),
};

export const describeInstanceAttribute: Ec2Handler<'DescribeInstanceAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const [record] = await getInstanceRecords(app.store.query, context.accountId, [id]);
  const render = ATTRIBUTES[input.Attribute];
  if (render === undefined) throw notOffered(`The instance attribute '${input.Attribute}'`);
  return { InstanceId: id, ...render(record!, app.region) };
};
