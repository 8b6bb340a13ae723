// Owns what the daemon has of its cloud, whether that is one process or two.

import type { NodeController } from '@ironbark/node/main.ts';
import type { ControllersAdmin } from './controllers-admin.ts';

/** Disposing it leaves guests, volumes' targets and the network as they are; the next one takes them up. */
export interface RunningCloud extends AsyncDisposable {
  endpoint: string;
  admin: ControllersAdmin;
  node: NodeController;
  /** When the controllers are a process of their own; undefined while that is being started again. */
  controllersPid?: () => number | undefined;
  /** Of a host that has joined a cloud elsewhere. */
  front?: () => { isConnected: boolean };
  /** What is not well of what the controllers do not see, a sentence each. */
  listProblems?: () => string[];
  /** Stops every guest and takes everything of this cloud off the host. Dispose it afterwards. */
  halt(): Promise<void>;
}

/** How long guests get to power down before they are switched off. */
export const GUEST_GRACE_MS = 30_000;
