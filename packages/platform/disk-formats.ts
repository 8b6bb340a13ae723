// Owns the rule that QEMU's programs are told the format of every disk. A program that is not told looks at the first
// bytes, which are a guest's to write: a header there makes it read other files of the host.

const PROGRAM = /^(?:.*\/)?(qemu-img|qemu-io|qemu-nbd|qemu-storage-daemon|qemu-system-\w+)$/;
const PRINTS_ONLY = new Set(['--version', '--help', '-V', '-h']);
/** Options of QEMU that open a disk and guess its format. */
const GUESSES = /^--?(?:hd[abcd]|cdrom|fd[ab]|sd|mtdblock|pflash|snapshot)$/;

/** Throws for a command that would have one of QEMU's programs guess. */
export function requireFormats(argv: readonly string[]): void {
  const at = argv.findIndex((argument) => PROGRAM.test(argument));
  if (at < 0) return;
  const program = PROGRAM.exec(argv[at]!)![1]!;
  const rest = argv.slice(at + 1);
  if (rest.some((argument) => PRINTS_ONLY.has(argument))) return;
  const isEmulator = program.startsWith('qemu-system-') || program === 'qemu-storage-daemon';
  const missing = isEmulator ? missingInEmulator(rest) : missingInTool(program, rest);
  if (missing !== undefined) throw new Error(`${program} would guess a disk's format: ${missing}`);
}

function missingInTool(program: string, args: readonly string[]): string | undefined {
  if (args.includes('--image-opts')) return undefined;
  const wanted = ['-f'];
  if (program === 'qemu-img' && args[0] === 'convert') wanted.push('-O');
  if (args.includes('-b')) wanted.push('-F');
  return wanted.find((flag) => !args.includes(flag));
}

function missingInEmulator(args: readonly string[]): string | undefined {
  return args.find((argument, index) => {
    const value = args[index + 1] ?? '';
    if (/^--?blockdev$/.test(argument)) return !/(?:^|,)driver=|"driver"/.test(value);
    if (/^--?drive$/.test(argument)) return !/(?:^|,)format=/.test(value);
    return GUESSES.test(argument);
  });
}
