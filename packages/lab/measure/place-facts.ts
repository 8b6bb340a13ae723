// Owns what is asked of a place before it is measured, and how the answers are read: which programs it has, how much room,
// what a device or file holds. Whoever answers may lie: it then only hurts itself. Pure.

import { KIB, MIB, renderBytes } from '@ironbark/core/units.ts';
import { quoted } from './session-script.ts';

export interface PlaceFacts {
  /** What the path is; `none`: there is nothing. */
  kind: 'folder' | 'device' | 'file' | 'other' | 'none';
  /** Of a device or file. */
  sizeBytes: number;
  /** In the folder of the session. */
  freeBytes: number;
  programs: ReadonlySet<string>;
  /** As `uname -m` says. */
  machine: string;
}

const PROGRAMS = ['dd', 'fio', 'perl', 'java', 'hadoop', 'df'];

/** Absent: the user's home. */
export function factsCommand(path: string | undefined): string {
  const place = path === undefined ? '"$HOME"' : quoted(path);
  return `p=${place}
k=none; s=0
if [ -d "$p" ]; then k=folder
elif [ -b "$p" ]; then k=device; s=$(blockdev --getsize64 "$p" 2>/dev/null || echo 0)
elif [ -f "$p" ]; then k=file; s=$(wc -c < "$p")
elif [ -e "$p" ]; then k=other; fi
if [ $k = device ] && [ "$s" = 0 ]; then
  n=$(basename "$(readlink -f "$p")"); s=$(cat /sys/class/block/$n/size 2>/dev/null); s=$((s * 512))
fi
echo "kind $k"; echo "size" $s
df -Pk . | { read -r x; read -r a b c free x; echo "free $free"; }
echo "machine $(uname -m)"
for t in ${PROGRAMS.join(' ')}; do command -v $t >/dev/null 2>&1 && echo "has $t"; done
[ -x "$HADOOP_HOME/bin/hadoop" ] && echo "has hadoop"
true`;
}

export function parseFacts(text: string): PlaceFacts {
  const one = (pattern: RegExp) => pattern.exec(text)?.[1];
  const count = (pattern: RegExp) => Number(one(pattern) ?? 0);
  const kind = one(/^kind (folder|device|file|other|none)$/m);
  if (kind === undefined) throw new Error('its shell does not do what shells do');
  return {
    kind: kind as PlaceFacts['kind'],
    sizeBytes: count(/^size (\d{1,15})$/m),
    freeBytes: count(/^free (\d{1,15})$/m) * KIB,
    programs: new Set([...text.matchAll(/^has ([a-z]+)$/gm)].map((match) => match[1]!)),
    machine: one(/^machine ([\w-]{1,20})$/m) ?? '',
  };
}

/** Of a device or file that is to be written over: who uses it, and whether it holds anything. */
export function contentCommand(path: string, bytes: number): string {
  return `p=$(readlink -f ${quoted(path)})
n=$(basename "$p")
if [ -b "$p" ]; then
  [ -r /sys/class/block/$n/dev ] || echo "used unknown"
  for f in /sys/class/block/$n/dev /sys/class/block/$n/*/dev; do
    [ -r "$f" ] || continue
    read -r d < "$f"
    grep -q "^[0-9]* [0-9]* $d " /proc/self/mountinfo && echo "used mounted"
  done
  for h in /sys/class/block/$n/holders/* /sys/class/block/$n/*/holders/*; do
    [ -e "$h" ] && echo "used held"
  done
  grep -q "^$p[p0-9]* " /proc/swaps 2>/dev/null && echo "used swap"
fi
t=$(wipefs --no-act --noheadings --output TYPE "$p" 2>/dev/null | tr '\\n' ' ')
[ -n "$t" ] && echo "holds $t"
first=$(dd if="$p" bs=${MIB} count=${bytes / MIB} 2>/dev/null | tr -d '\\000' | head -c 1 | wc -c)
last=$(tail -c ${MIB} "$p" 2>/dev/null | tr -d '\\000' | head -c 1 | wc -c)
echo "data $((first + last))"`;
}

const USES: Readonly<Record<string, string>> = {
  mounted: 'it is in use: mounted',
  held: 'it is in use: part of a RAID or volume group',
  swap: 'it is in use: swap',
  unknown: 'nobody can tell whether it is in use',
};

/** Undefined: it may be written over. A use is in the way with --destroy too. */
export function whyNotOver(text: string, mayDestroy: boolean): string | undefined {
  const use = /^used ([a-z]+)$/m.exec(text)?.[1];
  if (use !== undefined) return USES[use] ?? USES['unknown'];
  if (mayDestroy) return undefined;
  const holds = /^holds ([\w ]{1,80})$/m.exec(text)?.[1]?.trim();
  if (holds !== undefined) return `it holds ${holds}. --destroy writes over it all the same`;
  const data = /^data (\d+)$/m.exec(text)?.[1];
  if (data === undefined) return 'what it holds could not be read';
  return data === '0' ? undefined : 'it holds data. --destroy writes over it all the same';
}

/** What a file system needs besides, and what its users are left. */
const SPARE_BYTES = 16 * MIB;

/** Undefined: it can be measured there. */
export function whyNoRoom(facts: PlaceFacts, path: string, bytes: number): string | undefined {
  const { kind, sizeBytes, freeBytes } = facts;
  if (kind === 'none') return `there is no ${path}`;
  if (kind === 'other') return `${path} is no folder, no file and no disk`;
  const takes = `and this takes ${renderBytes(bytes)}: a smaller --size`;
  if (kind !== 'folder') {
    return sizeBytes < bytes ? `${path} has ${renderBytes(sizeBytes)}, ${takes}` : undefined;
  }
  if (freeBytes >= bytes + SPARE_BYTES) return undefined;
  return `${path} has ${renderBytes(freeBytes)} free, ${takes}, or another --path`;
}
