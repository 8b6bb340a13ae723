// Owns attempts as another user of the host: what of a list of places can that user read, write or connect to.

import { systemCommands } from '@ironbark/platform/commands.ts';

export interface Attacker {
  uid: number;
  gid: number;
}

/** Perl's core modules are on every Debian; Node.js may lie where only root may enter. */
const ATTEMPT = `
use Socket;
while (my $path = <STDIN>) {
  chomp $path;
  my @ways;
  if (-S $path || !-e $path) {
    socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
    push @ways, 'connect' if length($path) < 108 && connect($s, pack_sockaddr_un($path));
  }
  push @ways, 'list' if opendir(my $d, $path);
  push @ways, 'read' if sysopen(my $r, $path, 0);
  push @ways, 'write' if -e $path && !-d $path && sysopen(my $w, $path, 1);
  if (-d $path && sysopen(my $n, "$path/planted", 0101)) { unlink "$path/planted"; push @ways, 'make'; }
  print "$path ", join(',', @ways), "\\n" if @ways;
}`;

function become({ uid, gid }: Attacker): string[] {
  const user = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return uid === 0 ? user : [...user, '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'];
}

/** Lines such as `/path read,write` for each place that was reached. */
export async function attempt(as: Attacker, paths: readonly string[]): Promise<string[]> {
  const args = [...become(as), 'perl', '-e', ATTEMPT];
  const input = paths.map((path) => `${path}\n`).join('');
  const { stdout } = await systemCommands.run('setpriv', args, { input, cwd: '/' });
  return stdout.split('\n').filter(Boolean);
}

const SPEAK = `
use Socket;
$SIG{PIPE} = 'IGNORE';
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
connect($s, pack_sockaddr_un($ARGV[0])) or exit 0;
syswrite($s, "POST /getReport HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 2\\r\\n\\r\\n{}");
while (sysread($s, my $bytes, 65536)) { print $bytes; }`;

/** What a socket of calls answers to this user; nothing when it is not admitted. */
export async function askForReport(as: Attacker, socketPath: string): Promise<string> {
  const args = [...become(as), 'perl', '-e', SPEAK, socketPath];
  return (await systemCommands.run('setpriv', args, { cwd: '/' })).stdout;
}
