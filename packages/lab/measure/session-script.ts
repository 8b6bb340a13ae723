// Owns the shell program that works at the place that is measured, on a host or in a guest: it makes a folder of its own,
// runs one command after the other there, and takes the folder away when its standard input ends, for whatever reason: a
// last word, Ctrl-C, a killed or a lost connection. Pure.
//
//   standard input:  a command a line, escaped; while one runs any line, or the end, kills it
//   standard output: MARK ready, then of each command what it prints and MARK end STATUS, and MARK gone

export interface SessionPlace {
  /** Absolute: below it the folder is made, or in the user's home where it is no folder. Absent: the user's home. */
  path?: string;
  /** Of the folder; nothing else has it. */
  name: string;
  /** Begins every line of ours, so that what programs print is no such line. */
  mark: string;
}

/**
 * For any shell of POSIX: bash, dash, BusyBox's. `setsid` is what lets a whole command be killed, where there is one. The
 * watcher is killed the hard way: just forked, a shell may still have the traps of the one that it is a copy of.
 */
export function renderSessionScript({ path, name, mark }: SessionPlace): string {
  return `umask 077
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
base=${path === undefined ? '' : quoted(path)}
[ -d "$base" ] || base=$HOME
cd -- "$base" && mkdir ${name} && cd ${name} || exit 3
folder=$(pwd -P)
child=
runner=
command -v setsid >/dev/null 2>&1 && runner=setsid
stop() { kill -KILL "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null; }
finish() {
  trap '' HUP INT TERM PIPE
  if [ -n "$child" ]; then stop; wait "$child" 2>/dev/null; fi
  cd / && rm -rf -- "$folder" && echo "${mark} gone"
  exit 0
}
trap finish HUP INT TERM PIPE
exec 3<&0
echo "${mark} ready"
while IFS= read -r line <&3; do
  $runner sh -c "$(printf '%b' "$line")" </dev/null 2>&1 3<&- &
  child=$!
  { read -r word <&3; stop; } 2>/dev/null &
  watcher=$!
  wait "$child" 2>/dev/null
  status=$?
  kill -KILL "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  child=
  echo "${mark} end $status"
done
finish
`;
}

/** As one line of the script's input. */
export function renderCommand(command: string): string {
  return `${command.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}

/** A word that a shell reads as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
