import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { renderObservation } from './observation.ts';
import type { ObservedInstance, Step } from './plan-instance.ts';

const desired = instanceIntent();
const CARD = desired.interfaces[0]!.id;
const LEAVING: InterfaceId = 'eni-00000000000000002';

function observationOf(changes: Partial<ObservedInstance>, plan: readonly Step[] = []) {
  const nicProfiles = { [CARD]: PARAVIRTUAL, [LEAVING]: PARAVIRTUAL };
  const counts = { reachedGeneration: 0, rebootsDone: 0, crashes: 0 };
  const observed: ObservedInstance = {
    hasDirectory: true,
    record: { id: desired.id, slot: 1, ...counts, nicProfiles },
    guest: 'running',
    isResumable: false,
    hasBootFiles: true,
    hasRootDisk: true,
    isImageCached: true,
    ports: [],
    strayPorts: [],
    volumes: [],
    cutOff: [],
    short: [],
    guestVolumes: [],
    ...changes,
  };
  return renderObservation({
    desired,
    observed,
    plan,
    trouble: { volumes: new Map() },
    fingerprint: {
      hypervisor: 'simulated',
      accelerator: 'simulated',
      version: '1',
      reason: '',
      isolationGaps: [],
    },
    disks: new Map(),
  });
}

function statesOf(changes: Partial<ObservedInstance>): Record<string, string> {
  const { interfaces } = observationOf(changes);
  return Object.fromEntries(interfaces.map(({ id, state }) => [id, state]));
}

test('a card that was written down counts as attached once the guest is seen to have it', () => {
  assert.deepEqual(statesOf({ nics: [CARD] }), { [CARD]: 'attached' });
  assert.deepEqual(statesOf({ nics: [] }), { [CARD]: 'attaching' });
});

test('while the cards of a guest cannot be listed none has come and none has left', () => {
  assert.deepEqual(statesOf({}), { [CARD]: 'attaching', [LEAVING]: 'detaching' });
});

test('a guest that is off has the cards with which it will start', () => {
  assert.deepEqual(statesOf({ guest: 'none' }), { [CARD]: 'attached' });
});

test('a guest that went off to reboot runs on, one that powered itself off stops', () => {
  assert.equal(observationOf({ guest: 'off' }, [{ kind: 'reset' }]).power, 'running');
  assert.equal(observationOf({ guest: 'off' }, [{ kind: 'note-self-stop' }]).power, 'stopping');
});

test('a card that was taken by force is not said to be there, though the guest still has it', () => {
  const taken: InterfaceId = 'eni-00000000000000003';
  const nics = [CARD, taken];
  assert.deepEqual(statesOf({ nics }), { [CARD]: 'attached' });
  assert.equal(statesOf({ nics, strayPorts: [taken] })[taken], 'detaching');
});
