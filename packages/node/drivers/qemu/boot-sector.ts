// Owns the boot sector that proves an accelerator: firmware loads it, it reports to QEMU and halts.

const SECTOR_BYTES = 512;
const SIGNATURE_AT = 510;
/** SeaBIOS works out heads and tracks from the size and refuses a disk of a few of them. */
const DISK_BYTES = 1024 * 1024;

/** QEMU's isa-debug-exit device: writing `v` ends QEMU with exit code `2v + 1`. */
export const DEBUG_EXIT_PORT = 0xf4;
const DEBUG_EXIT_VALUE = 0x10;
export const PROBE_EXIT_CODE = DEBUG_EXIT_VALUE * 2 + 1;

const PROBE_CODE = [
  0xba,
  DEBUG_EXIT_PORT,
  0x00, // mov dx, port
  0xb0,
  DEBUG_EXIT_VALUE, //      mov al, value
  0xee, //                        out dx, al
  0xf4, //                        hlt
  0xeb,
  0xfd, //                  jmp back to hlt
];

/** A disk that starts with this code, as a PC's firmware boots it. */
export function renderBootDisk(code: readonly number[] = PROBE_CODE): Buffer {
  if (code.length > SIGNATURE_AT) throw new Error('the code does not fit into a boot sector');
  const disk = Buffer.alloc(DISK_BYTES);
  disk.set(code, 0);
  disk.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  return disk;
}
