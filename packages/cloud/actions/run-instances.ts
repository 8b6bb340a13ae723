// Owns RunInstances.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, ReservationId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { authorizeCall } from '../app/access.ts';
import type { App } from '../app/app.ts';
import { parseDevices } from '../app/block-devices.ts';
import { ensureNodesKnown } from '../app/capacity.ts';
import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { requirePassRole } from '../app/iam/profile-associations.ts';
import { type LaunchRequest, launchInstances } from '../app/launch-instances.ts';
import { findImage } from '../store/images.ts';
import type { RequestContext } from './action.ts';
import { applyLaunchTemplate, type Launched } from './apply-launch-template.ts';
import type { Ec2Handler } from './handler.ts';
import { listReservation } from './instance-records.ts';
import { parseLaunch } from './launch-parameters.ts';
import { renderReservations, renderState } from './render-instance.ts';

type Input = Ec2Input<'RunInstances'>;

export const runInstances: Ec2Handler<'RunInstances'> = async (app, context, input) => {
  const launched = await applyAuthorized(app, context, input);
  const parsed = parseLaunch(launched);
  const profile = parsed.profile && (await requirePassRole(app, context, parsed.profile));
  const request = { ...parsed, profile };
  await ensureNodesKnown(app);
  const storage = (await makesVolumes(app, request)) ? await app.storage.getReport() : undefined;
  const call = { action: 'RunInstances', token: request.clientToken, parameters: input };
  const ids = await changeFor(app, context, (change) =>
    makeOnce(change, context, call, async () => {
      const made = await launchInstances(app, context, change, request, storage);
      return [made.reservationId as string, ...made.instanceIds];
    }),
  );
  const [reservationId, ...instanceIds] = ids as [ReservationId, ...InstanceId[]];
  const records = await listReservation(app.store.query, context.accountId, reservationId);
  const [reservation] = renderReservations(records, app.region);
  return reservation ?? renderExpired(context.accountId, reservationId, instanceIds);
};

/** Whoever launches from a template is asked about all that is in it, as if the request had said it. */
async function applyAuthorized(app: App, context: RequestContext, input: Input): Promise<Launched> {
  const call = { service: 'ec2', action: 'RunInstances' };
  const { LaunchTemplate } = input;
  try {
    const launched = await applyLaunchTemplate(app.store.query, context.accountId, input);
    if (launched.template === undefined) return launched;
    const template = { LaunchTemplate: { LaunchTemplateId: launched.template.id } };
    await authorizeCall(app, context, { ...call, input: { ...launched.input, ...template } });
    return launched;
  } catch (error) {
    // Who may not launch is not told which templates there are.
    if (LaunchTemplate !== undefined && !isServiceError(error, 'not-authorized')) {
      await authorizeCall(app, context, { ...call, input });
    }
    throw error;
  }
}

async function makesVolumes(app: App, request: LaunchRequest): Promise<boolean> {
  if (request.mappings.length > 0) return true;
  const image = await findImage(app.store.query, request.imageId);
  return image !== undefined && parseDevices(image).length > 0;
}

/** A retry that comes after its instances have ended and been forgotten still gets their ids. */
function renderExpired(accountId: string, id: ReservationId, instanceIds: readonly InstanceId[]) {
  return {
    ReservationId: id,
    OwnerId: accountId,
    Groups: [],
    Instances: instanceIds.map((InstanceId) => ({ InstanceId, State: renderState('terminated') })),
  };
}
