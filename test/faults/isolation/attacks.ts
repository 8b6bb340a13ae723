// Owns what is tried from the place of a guest and of an exporter against everything around them.

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { readIsolation } from '../../support/process-isolation.ts';
import { type Attempt, runAttack } from './probe.ts';
import { diskOf, type Subject, type Subjects } from './subjects.ts';

export async function attackFrom({ all, storage }: Subjects): Promise<Attempt[]> {
  await using host = await listenOnHost(join(storage.root, 'admin.sock'));
  const database = join(storage.dataDir, 'storage.db');
  // The database of a cloud is made in the same way, by the same user.
  const state = join(storage.root, 'cloud.db');
  await writeFile(state, 'secret', { mode: 0o600 });
  const attempts: Attempt[] = [];
  for (const subject of firstOfEach(all)) {
    const others = all.filter((other) => other !== subject);
    const inner = subject.kind === 'guest' ? [] : innerNames(subject, others);
    const found = await runAttack(
      { uid: readIsolation(subject.pid).uid, ...placeOf(subject) },
      {
        files: ['/etc/shadow', '/etc/passwd', state, database, ...others.map(diskOf)],
        innerFiles: [...inner, ...(subject.kind === 'guest' ? [] : ['/own/storage.db'])],
        pids: [process.pid, ...others.map((other) => other.pid)],
        ports: [host.port],
        sockets: [host.path],
      },
    );
    attempts.push(
      ...found.map(({ what, outcome }) => ({ what: `${subject.kind}: ${what}`, outcome })),
    );
  }
  return attempts;
}

function firstOfEach(all: readonly Subject[]): Subject[] {
  return (['guest', 'exporter'] as const).map((kind) => all.find((one) => one.kind === kind)!);
}

function placeOf(subject: Subject): { folder: string; workingDirectory: string } {
  const workingDirectory = subject.kind === 'guest' ? 'run' : '';
  return { folder: subject.folder, workingDirectory };
}

/** Exporters see each other's names. */
function innerNames(subject: Subject, others: readonly Subject[]): string[] {
  return others
    .filter((other) => other.folder === subject.folder)
    .flatMap(({ name }) => [`/own/volumes/${name}.raw`, `/own/run/control/${name}/qmp`]);
}

interface HostListeners extends AsyncDisposable {
  port: number;
  path: string;
}

/** Stand for the cloud's own: a port on the loopback and a socket that its folder protects. */
async function listenOnHost(path: string): Promise<HostListeners> {
  const tcp = createServer();
  const unix = createServer();
  await Promise.all([listen(tcp, { host: '127.0.0.1', port: 0 }), listen(unix, { path })]);
  const dispose = async () => {
    tcp.close();
    unix.close();
  };
  return { port: (tcp.address() as { port: number }).port, path, [Symbol.asyncDispose]: dispose };
}

function listen(server: Server, options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, resolve);
  });
}
