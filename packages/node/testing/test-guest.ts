// Owns a guest of one sector for the driver's tests: it greets on the serial port, lets go of disks when asked and
// powers off on the power button, as an operating system would, within a second under emulation.

import { renderBootDisk } from '../drivers/qemu/boot-sector.ts';

/** Ports of QEMU's `pc` machine: docs/specs/acpi_pci_hotplug and PIIX4's power management at 0x600. */
const SERIAL = 0x3f8;
const PM_STATUS = 0x600;
const PM_ENABLE = 0x602;
const PM_CONTROL = 0x604;
const HOT_PLUG_DOWN = 0xae04;
const HOT_PLUG_EJECT = 0xae08;
const HOT_PLUG_BUS = 0xae10;

const LOAD_ADDRESS = 0x7c00;

const movDx = (port: number) => [0xba, port & 0xff, port >> 8];
const movAx = (value: number) => [0xb8, value & 0xff, value >> 8];
const OUT_AL = [0xee];
const OUT_AX = [0xef];
const OUT_EAX = [0x66, 0xef];
const IN_AX = [0xed];
const IN_EAX = [0x66, 0xed];

export interface TestGuestOptions {
  /** Printed at every boot. */
  greeting: string;
  /** Ignore the power button. */
  stubborn?: boolean;
  /** Power off as soon as it has greeted. */
  powersOff?: boolean;
  /** Write to the serial port without end. */
  flood?: boolean;
  /** Write the boot sector to `WRITTEN_SECTOR` of the disk again and again. */
  writes?: boolean;
}

/** Head 1, sector 1: in another block of the host's file system than the boot sector. */
export const WRITTEN_SECTOR = 63;

/** The bytes of a disk that boots the guest. */
export function renderTestGuest(options: TestGuestOptions): Buffer {
  const poll = [
    ...(options.powersOff === true ? POWER_OFF : []),
    ...(options.stubborn === true ? [] : renderPowerButton()),
    ...renderEject(),
    ...(options.writes === true ? WRITE_SECTOR : []),
    ...(options.flood === true ? renderFlood() : [0xfb, 0xf4, 0xfa]), // sti; hlt until the timer ticks; cli
  ];
  const setup = (messageAt: number) => [
    ...[0xfa, 0x31, 0xc0, 0x8e, 0xd8], // cli; xor ax,ax; mov ds,ax
    ...[0xbe, messageAt & 0xff, messageAt >> 8], // mov si, message
    ...[0xac, 0x84, 0xc0, 0x74, 0x06], // next: lodsb; test al,al; jz past the loop
    ...[...movDx(SERIAL), ...OUT_AL], // mov dx; out
    ...[0xeb, 0xf5], // jmp next
    ...[...movDx(PM_ENABLE), ...movAx(0x0100), ...OUT_AX], // let the power button set its status bit
  ];
  const length = setup(0).length + poll.length + 3;
  const back = 0x10000 - poll.length - 3;
  const code = [...setup(LOAD_ADDRESS + length), ...poll, 0xe9, back & 0xff, back >> 8];
  return renderBootDisk([...code, ...Buffer.from(`${options.greeting}\n`), 0]);
}

/** Sleep type 0 of SeaBIOS's tables, and the bit that enters it. */
const POWER_OFF = [...movDx(PM_CONTROL), ...movAx(0x2000), ...OUT_AX];

/** Powers off once the button's status bit is set. */
function renderPowerButton(): number[] {
  return [
    ...[...movDx(PM_STATUS), ...IN_AX],
    ...[0xf6, 0xc4, 0x01, 0x74, POWER_OFF.length], // test ah,1; jz past it
    ...POWER_OFF,
  ];
}

/** Ejects whatever slots the host asks for. */
function renderEject(): number[] {
  return [
    ...[...movDx(HOT_PLUG_BUS), 0x66, 0x31, 0xc0, ...OUT_EAX], // select bus 0
    ...[...movDx(HOT_PLUG_DOWN), ...IN_EAX],
    ...[...movDx(HOT_PLUG_EJECT), ...OUT_EAX],
  ];
}

/** The BIOS writes one sector from where this guest was loaded. */
const WRITE_SECTOR = [
  ...[0x1e, 0x07, 0xbb, 0x00, 0x7c], // push ds; pop es; mov bx,0x7c00
  ...[...movAx(0x0301), 0xb9, 0x01, 0x00, 0xba, 0x80, 0x01, 0xcd, 0x13], // ah=3, al=1; cx=1; dx=0x0180; int 0x13
];

function renderFlood(): number[] {
  // mov cx,0x4000; mov al,'x'; mov dx,port; out dx,al; loop
  return [0xb9, 0x00, 0x40, 0xb0, 0x78, ...movDx(SERIAL), ...OUT_AL, 0xe2, 0xfd];
}
