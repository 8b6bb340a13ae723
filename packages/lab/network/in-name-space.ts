// Owns how a program is started in a network name space. `ip` becomes the program, so that its pid is the program's.

export function inNameSpace(
  nameSpace: string | undefined,
  argv: readonly [string, ...string[]],
): [file: string, ...args: string[]] {
  return nameSpace === undefined ? [...argv] : ['ip', 'netns', 'exec', nameSpace, ...argv];
}
