// Owns which processor a guest is shown where QEMU emulates it.

/**
 * Everything that QEMU emulates but: what tells a kernel to copy with `rep movsb`, which is emulated byte by byte (a
 * guest's copies are three to nine times as fast without), and page tables of five levels, which make each walk longer.
 */
export const EMULATED_CPU = 'max,erms=off,fsrm=off,la57=off';
