// Owns the list of actions that are implemented; everything else that AWS knows is refused by name.

import type { Ec2Action } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { describeInstanceStatus } from './describe-instance-status.ts';
import { describeInstances } from './describe-instances.ts';
import { getConsoleOutput } from './get-console-output.ts';
import type { Ec2Handler } from './handler.ts';
import { rebootInstances } from './reboot-instances.ts';
import { runInstances } from './run-instances.ts';
import { startInstances } from './start-instances.ts';
import { stopInstances } from './stop-instances.ts';
import { terminateInstances } from './terminate-instances.ts';

const EC2_HANDLERS = {
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstances: describeInstances,
  GetConsoleOutput: getConsoleOutput,
  RebootInstances: rebootInstances,
  RunInstances: runInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  TerminateInstances: terminateInstances,
} satisfies { [Name in Ec2Action]?: Ec2Handler<Name> };

/** The implemented actions, in alphabetical order. */
export const EC2_ACTIONS: readonly string[] = Object.keys(EC2_HANDLERS).sort();

export function createEc2Actions(app: App): ActionTable {
  return createTable(app, 'EC2', EC2_HANDLERS);
}
