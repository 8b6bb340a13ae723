// Owns the layout of a data folder.

import { join } from 'node:path';

export interface DataPaths {
  root: string;
  run: string;
  /** Listens while the daemon runs; only the folder's owner may connect. */
  adminSocket: string;
  pidFile: string;
  /** What the privileged process listens on; only the controllers' group may enter. */
  privilegedRun: string;
  nodeSocket: string;
  targetSocket: string;
  /** What the controllers' process listens on; its own. */
  controllersRun: string;
  controllersSocket: string;
  /** Held by the one daemon of this folder. */
  daemonLock: string;
  /** Room for a start on a full disk. */
  startReserve: string;
  log: string;
  /** What a backup that is under way reads from. */
  backup: string;
  cloud: string;
  cluster: string;
  node: string;
  /** Of a host that has joined a cloud elsewhere: its certificate and key. */
  nodeIdentity: string;
  storage: string;
  /** The Storage Controller's rows, apart from what storage daemons use. */
  storageState: string;
  objects: string;
  /** Of a cloud that has invited gateways: who they are, and its authority over them. */
  gateways: string;
  /** The databases of the three that have one, as these services name them. */
  stores: { cloud: string; storage: string; objects: string };
  /** The record of API calls. */
  events: string;
  /** What opens everything that is encrypted. */
  keyring: string;
  /** Private keys of key pairs that `ironbark launch` made. */
  keys: string;
}

/** What a daemon says that finds another one there. */
export const FOLDER_TAKEN = 'another daemon has this folder';

export function dataPaths(root: string): DataPaths {
  return {
    root,
    run: join(root, 'run'),
    adminSocket: join(root, 'run', 'admin.sock'),
    privilegedRun: join(root, 'run', 'privileged'),
    nodeSocket: join(root, 'run', 'privileged', 'node.sock'),
    targetSocket: join(root, 'run', 'privileged', 'targets.sock'),
    controllersRun: join(root, 'run', 'controllers'),
    controllersSocket: join(root, 'run', 'controllers', 'controllers.sock'),
    pidFile: join(root, 'run', 'daemon.pid'),
    daemonLock: join(root, 'run', 'daemon.lock'),
    startReserve: join(root, 'run', 'start-reserve'),
    log: join(root, 'ironbark.log'),
    backup: join(root, 'run', 'controllers', 'backup'),
    cloud: join(root, 'cloud'),
    cluster: join(root, 'cluster'),
    node: join(root, 'node'),
    nodeIdentity: join(root, 'node-identity.json'),
    storage: join(root, 'storage'),
    storageState: join(root, 'storage', 'state'),
    objects: join(root, 'objects'),
    gateways: join(root, 'objects', 'gateways.json'),
    stores: {
      cloud: join(root, 'cloud', 'cloud.db'),
      storage: join(root, 'storage', 'state', 'storage.db'),
      objects: join(root, 'objects', 'objects.sqlite'),
    },
    events: join(root, 'events'),
    keyring: join(root, 'keyring', 'master.key'),
    keys: join(root, 'keys'),
  };
}
