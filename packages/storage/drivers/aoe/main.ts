// Owns the process of an AoE target: it inherits its socket and has no rights, and works in a folder of its own.

import { parseArgs } from 'node:util';
import { removeFile } from '@ironbark/platform/files.ts';
import { parseMac } from '@ironbark/protocol/aoe/frame.ts';
import { AoeTarget } from './aoe-target.ts';
import { ControlServer } from './control-server.ts';

const { values } = parseArgs({
  options: {
    control: { type: 'string' },
    /** Where what users leave on disks is kept. */
    left: { type: 'string' },
    socket: { type: 'string' },
    mac: { type: 'string' },
    mtu: { type: 'string' },
    /** Of the host; by it whoever started this finds out whether the socket's interface is still there. */
    interface: { type: 'string' },
    /** The version of what it says; for whoever started this. */
    status: { type: 'string' },
  },
});

const mac = parseMac(values.mac ?? '');
const [fd, mtuBytes] = [Number(values.socket), Number(values.mtu)];
const isComplete = values.control !== undefined && values.left !== undefined && mac !== undefined;
if (!isComplete || !Number.isInteger(fd) || !Number.isInteger(mtuBytes)) {
  throw new Error('usage: main.ts --control PATH --left FOLDER --socket FD --mac MAC --mtu BYTES');
}

const target = new AoeTarget({ fd, mac, mtuBytes });
await removeFile(values.control!);
process.umask(0o177);
const end = () => {
  target.close();
  void control.close();
};
const control = new ControlServer(target, values.left!, end);
// The first process of a name space gets no signal that it does not ask for.
process.once('SIGTERM', end);
await control.listen(values.control!);
