// SPDX-License-Identifier: GPL-2.0-only
/** A bzImage as far as its header and its payload go. */
export function image(payload: Buffer, change: (data: Buffer) => void = () => undefined): Buffer {
  const setup = 5 * 512;
  const size = Math.ceil(payload.length / 16) * 16;
  const data = Buffer.alloc(setup + size);
  data[0x1f1] = 4;
  data.writeUInt32LE(size / 16, 0x1f4);
  data.write('HdrS', 0x202);
  data.writeUInt16LE(0x20f, 0x206);
  data.writeUInt16LE(0x400, 0x20e);
  data.write('6.1.0-99-test (somebody@somewhere) #1 SMP', 0x600);
  data.writeUInt16LE(1, 0x236);
  data.writeUInt32LE(0, 0x248);
  data.writeUInt32LE(payload.length, 0x24c);
  payload.copy(data, setup);
  change(data);
  return data;
}

/** One whose payload nothing here unpacks. */
export function bareImage(): Buffer {
  return image(Buffer.concat([Buffer.from('894c5a4f', 'hex'), Buffer.alloc(500)]));
}
