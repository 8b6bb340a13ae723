// Owns GetLaunchTemplateData: what a template would have to say for an instance like this one.

import type { ResponseLaunchTemplateData } from '@aws-sdk/client-ec2';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { getInstanceRecords, type InstanceRecord } from './instance-records.ts';
import { renderInstance } from './render-instance.ts';

export const getLaunchTemplateData: Ec2Handler<'GetLaunchTemplateData'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  const [record] = await getInstanceRecords(app.store.query, context.accountId, [id]);
  return { LaunchTemplateData: renderData(record!, app.region) };
};

function renderData(
  record: InstanceRecord<InstanceRow>,
  region: string,
): ResponseLaunchTemplateData {
  const { row, interfaces, tags } = record;
  const { MetadataOptions, BlockDeviceMappings = [] } = renderInstance(record, region);
  const { State: _state, ...metadata } = MetadataOptions ?? {};
  const own = tags.filter(({ key }) => !key.startsWith('aws:'));
  return {
    ImageId: row.imageId,
    InstanceType: row.instanceType as NonNullable<ResponseLaunchTemplateData['InstanceType']>,
    ...(row.keyName === null ? {} : { KeyName: row.keyName }),
    ...(row.userData === null ? {} : { UserData: row.userData }),
    DisableApiTermination: row.disableApiTermination === 1,
    DisableApiStop: row.disableApiStop === 1,
    Monitoring: { Enabled: row.detailedMonitoring === 1 },
    InstanceInitiatedShutdownBehavior: row.shutdownBehavior,
    Placement: { AvailabilityZone: row.zone, Tenancy: 'default' },
    BlockDeviceMappings: BlockDeviceMappings.map(({ DeviceName, Ebs }) => ({
      DeviceName,
      Ebs: { DeleteOnTermination: Ebs?.DeleteOnTermination },
    })),
    NetworkInterfaces: interfaces.map(({ row: one, groups, morePrivateIps, ipv6Addresses }) => ({
      DeviceIndex: one.deviceIndex,
      SubnetId: one.subnetId,
      Groups: groups.map(({ groupId }) => groupId),
      DeleteOnTermination: one.deleteOnTermination === 1,
      Description: one.description,
      // By number: these addresses are the instance's own as long as it is there.
      ...(morePrivateIps.length === 0
        ? {}
        : { SecondaryPrivateIpAddressCount: morePrivateIps.length }),
      ...(ipv6Addresses.length === 0 ? {} : { Ipv6AddressCount: ipv6Addresses.length }),
    })),
    MetadataOptions: metadata,
    TagSpecifications:
      own.length === 0
        ? []
        : [
            {
              ResourceType: 'instance',
              Tags: own.map(({ key, value }) => ({ Key: key, Value: value })),
            },
          ],
  };
}
