// Owns the boot sector that proves an accelerator: firmware loads it, it reports to QEMU and halts.

const SECTOR_BYTES = 512;
const SIGNATURE_AT = 510;
/** SeaBIOS works out heads and tracks from the size and refuses a disk of a few of them. */
const DISK_BYTES = 1024 * 1024;

/** QEMU's isa-debug-exit device: writing `v` ends QEMU with exit code `2v + 1`. */
export const DEBUG_EXIT_PORT = 0xf4;
const DEBUG_EXIT_VALUE = 0x10;
export const PROBE_EXIT_CODE = DEBUG_EXIT_VALUE * 2 + 1;

/**
 * What every guest's kernel does first and then all its life: pages, 64-bit code, a loop of it. KVM that lacks the
 * processor's help boots firmware all the same, and interprets what follows, instruction by instruction.
 *
 * Addresses are those of a boot sector, from 0x7c00 on. Pages: one of 2 MiB at 0, by tables at 0x1000, 0x2000 and 0x3000.
 */
const PROBE_CODE: readonly number[] = [
  0xfa, //                                           cli
  ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0], //        xor ax, ax; mov ds, ax; mov es, ax
  ...[0x66, 0xbf, 0x00, 0x10, 0x00, 0x00], //        mov edi, 0x1000
  ...[0x0f, 0x22, 0xdf, 0x66, 0x31, 0xc0], //        mov cr3, edi; xor eax, eax
  ...[0xb9, 0x00, 0x0c, 0x66, 0xf3, 0xab], //        mov cx, 0xc00; rep stosd
  ...[0xc7, 0x06, 0x00, 0x10, 0x03, 0x20], //        mov word [0x1000], 0x2003
  ...[0xc7, 0x06, 0x00, 0x20, 0x03, 0x30], //        mov word [0x2000], 0x3003
  ...[0xc7, 0x06, 0x00, 0x30, 0x83, 0x00], //        mov word [0x3000], 0x83
  ...[0x0f, 0x20, 0xe0, 0x0c, 0x20, 0x0f, 0x22, 0xe0], // cr4: physical address extension
  ...[0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0], //        mov ecx, 0xc0000080 (EFER)
  ...[0x0f, 0x32, 0x80, 0xcc, 0x01, 0x0f, 0x30], //  rdmsr; or ah, 1 (long mode); wrmsr
  ...[0x0f, 0x01, 0x16, 0x79, 0x7c], //              lgdt [descriptors]
  ...[0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0], // cr0: protection, paging
  ...[0xea, 0x56, 0x7c, 0x08, 0x00], //              jmp 8:long
  ...[0xb9, 0x00, 0x2d, 0x31, 0x01], //        long: mov ecx, 20,000,000
  ...[0xff, 0xc9, 0x75, 0xfc], //              loop: dec ecx; jnz loop
  ...[0x66, 0xba, DEBUG_EXIT_PORT, 0x00], //         mov dx, port
  ...[0xb0, DEBUG_EXIT_VALUE, 0xee], //              mov al, value; out dx, al
  ...[0xf4, 0xeb, 0xfd], //                    halt: hlt; jmp halt
  ...[0, 0, 0, 0, 0, 0, 0, 0], //             table: nothing, then 64-bit code
  ...[0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00],
  ...[15, 0, 0x69, 0x7c, 0x00, 0x00], // descriptors: the table's last byte, and where it is
];

/** A disk that starts with this code, as a PC's firmware boots it. */
export function renderBootDisk(code: readonly number[] = PROBE_CODE): Buffer {
  if (code.length > SIGNATURE_AT) throw new Error('the code does not fit into a boot sector');
  const disk = Buffer.alloc(DISK_BYTES);
  disk.set(code, 0);
  disk.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  return disk;
}
