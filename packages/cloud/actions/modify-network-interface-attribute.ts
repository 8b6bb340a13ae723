// Owns ModifyNetworkInterfaceAttribute: one attribute at a time, as in EC2.

import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { Change } from '../app/change.ts';
import {
  changeGroups,
  checkInterfaceDescription,
  getOwnInterface,
} from '../app/network-interfaces.ts';
import { invalidCombination, missingParameter, refuse, refuseParameters } from '../app/refusals.ts';
import { GROUP, INTERFACE, INTERFACE_ATTACHMENT, parseId, parseIds } from '../app/resource-ids.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import { touchPorts } from '../app/vpc-changes.ts';
import { updateInterface } from '../store/network-interfaces.ts';
import { type InterfaceRow, toFlag } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';

type Input = Ec2Input<'ModifyNetworkInterfaceAttribute'>;

const NOT_OFFERED = [
  'EnaSrdSpecification',
  'EnablePrimaryIpv6',
  'ConnectionTrackingSpecification',
  'AssociatePublicIpAddress',
  'AssociatedSubnetIds',
];
const OFFERED = ['Description', 'SourceDestCheck', 'Groups', 'Attachment'] as const;

export const modifyNetworkInterfaceAttribute: Ec2Handler<
  'ModifyNetworkInterfaceAttribute'
> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const id = parseId(INTERFACE, input.NetworkInterfaceId, 'NetworkInterfaceId');
  const given = OFFERED.filter((name) => input[name] !== undefined);
  if (given.length === 0) throw invalidCombination('No attributes specified.');
  if (given.length > 1) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  refuseParameters(input.Attachment ?? {}, ['DefaultEnaQueueCount', 'EnaQueueCount']);
  await changeNetwork(app, context, async (change) => {
    const row = await getOwnInterface(change.tx, context.accountId, id);
    await modify(change, row, input);
  });
  return {};
};

async function modify(change: Change, row: InterfaceRow, input: Input): Promise<void> {
  const { Description, SourceDestCheck, Groups, Attachment } = input;
  if (Attachment !== undefined) await modifyAttachment(change, row, Attachment);
  if (Groups !== undefined) {
    await changeGroups(change, row, parseIds(GROUP, Groups, 'SecurityGroupId'));
  }
  if (Description !== undefined) {
    const description = checkInterfaceDescription(Description.Value);
    await updateInterface(change.tx, row.id, { description });
  }
  if (SourceDestCheck?.Value !== undefined) {
    await updateInterface(change.tx, row.id, { sourceDestCheck: toFlag(SourceDestCheck.Value) });
    await touchPorts(change, row.vpcId, [row.id]);
  }
}

async function modifyAttachment(
  { tx }: Change,
  row: InterfaceRow,
  { AttachmentId, DeleteOnTermination }: NonNullable<Input['Attachment']>,
): Promise<void> {
  if (DeleteOnTermination === undefined) {
    throw missingParameter('Attachment.DeleteOnTermination');
  }
  const id = parseId(INTERFACE_ATTACHMENT, AttachmentId, 'Attachment.AttachmentId');
  if (row.attachmentId !== id) {
    throw refuse(
      'not-found',
      'interface-attachment',
      `The interface attachment '${id}' is not one of '${row.id}'.`,
    );
  }
  await updateInterface(tx, row.id, { deleteOnTermination: toFlag(DeleteOnTermination) });
}
