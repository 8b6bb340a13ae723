// Owns ModifyInstanceAttribute: one attribute at a time, as in EC2.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { type Change, changeFor } from '../app/change.ts';
import { findInstanceType } from '../app/instance-types.ts';
import { viewState } from '../app/instance-view.ts';
import { getInstance } from '../app/instances.ts';
import { checkInterfaceCount } from '../app/interface-attachments.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notOffered,
  refuse,
} from '../app/refusals.ts';
import { INSTANCE, parseId } from '../app/resource-ids.ts';
import { updateInstance } from '../store/instances.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import { type InstanceRow, toFlag } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { modifyDevices } from './instance-devices.ts';
import { modifyGroups, modifySourceCheck } from './instance-network.ts';
import { checkUserData } from './launch-parameters.ts';

type Values = Parameters<typeof updateInstance>[2];
type Modify = (instance: InstanceRow, value: string) => Values;

/** By the names of the Attribute parameter; each reads the text that EC2 takes for it. */
const MODIFIERS: Readonly<Record<string, Modify>> = {
  disableApiTermination: (_row, value) => ({ disableApiTermination: toFlag(readFlag(value)) }),
  disableApiStop: (_row, value) => ({ disableApiStop: toFlag(readFlag(value)) }),
  instanceInitiatedShutdownBehavior: (_row, value) => ({ shutdownBehavior: readBehavior(value) }),
  instanceType: (row, value) => changeType(row, value),
  userData: (row, value) => {
    requireStopped(row, 'userData');
    return { userData: value === '' ? null : checkUserData(value), ...nextGeneration(row) };
  },
};

export const modifyInstanceAttribute: Ec2Handler<'ModifyInstanceAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(INSTANCE, input.InstanceId, 'InstanceId');
  if ((input.BlockDeviceMappings ?? []).length > 0) {
    return modifyDevices(app, context, id, input);
  }
  const { name, value } = readModification(input);
  if (name === 'groups') return modifyGroups(app, context, id, input.Groups);
  if (name === 'sourceDestCheck') return modifySourceCheck(app, context, id, readFlag(value));
  const modify = Object.hasOwn(MODIFIERS, name) ? MODIFIERS[name] : undefined;
  if (modify === undefined) throw notOffered(`Modifying the instance attribute '${name}'`);
  await changeFor(app, context, async (change: Change) => {
    const instance = await getInstance(change.tx, context, id);
    const values = modify(instance, value);
    if (values.instanceType !== undefined) await checkInterfaces(change, id, values.instanceType);
    await updateInstance(change.tx, id, values);
    change.touched.instances.add(id);
  });
  return {};
};

/** EC2 takes an attribute either as Attribute and Value or as a parameter of its own. */
function readModification(input: Ec2Input<'ModifyInstanceAttribute'>): {
  name: string;
  value: string;
} {
  const { InstanceId: _id, DryRun: _dryRun, Attribute, Value, ...others } = input;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  if (Attribute !== undefined && Value !== undefined) given.push([Attribute, { Value }]);
  if (given.length === 0 && Attribute !== undefined) throw missingParameter('Value');
  if (given.length === 0) throw invalidCombination('No attributes specified.');
  const [parameter, wrapped] = given[0]!;
  const name = parameter.charAt(0).toLowerCase() + parameter.slice(1);
  const isOther = Attribute !== undefined && (PARAMETERS[Attribute] ?? Attribute) !== name;
  if (given.length > 1 || (Value === undefined && isOther)) {
    throw invalidCombination(
      'Fields for multiple attribute types specified; modify one at a time.',
    );
  }
  return { name, value: readValue(wrapped) };
}

/** Attributes whose parameter has another name. */
const PARAMETERS: Readonly<Record<string, string>> = { groupSet: 'groups' };

function readValue(wrapped: unknown): string {
  const value: unknown =
    typeof wrapped === 'object' && wrapped !== null ? Reflect.get(wrapped, 'Value') : wrapped;
  // User data arrives decoded here, unlike in RunInstances.
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value === undefined ? '' : String(value);
}

function readFlag(value: string): boolean {
  // Clients of Python write their own words for it, which EC2 takes.
  const text = value.toLowerCase();
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalidValue('Value', value, "It is 'true' or 'false'.");
}

function readBehavior(value: string): 'stop' | 'terminate' {
  if (value === 'stop' || value === 'terminate') return value;
  throw invalidValue('InstanceInitiatedShutdownBehavior', value, "It is 'stop' or 'terminate'.");
}

function changeType(row: InstanceRow, value: string): Values {
  requireStopped(row, 'instanceType');
  const type = findInstanceType(value);
  if (type === undefined) {
    throw invalidValue('InstanceType', value, 'DescribeInstanceTypes lists the types offered.');
  }
  return {
    instanceType: type.name,
    vcpus: type.vcpus,
    memoryMib: type.memoryMib,
    ...nextGeneration(row),
  };
}

/** The type has to have room for those that the instance has. */
async function checkInterfaces({ tx }: Change, id: InstanceId, typeName: string): Promise<void> {
  checkInterfaceCount(typeName, (await listInterfacesOf(tx, id)).length);
}

function requireStopped(row: InstanceRow, attribute: string): void {
  const state = viewState(row);
  if (state === 'stopped') return;
  throw refuse(
    'incorrect-state',
    'instance',
    `The instance '${row.id}' is not in the 'stopped' state; '${attribute}' can be modified only then.`,
  );
}

function nextGeneration(row: InstanceRow): Values {
  return { generation: row.generation + 1 };
}
