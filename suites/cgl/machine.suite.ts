// SPDX-License-Identifier: GPL-2.0-only
/** PRF.2.1, PRF.2.2: processes and interrupts keep to the CPUs that they are bound to. */
import { expect } from 'vitest';
import type { Context } from '../harness/verifies.ts';
import { native, neutral } from './neutral.ts';

async function cpus({ sh, unsupported }: Pick<Context, 'sh' | 'unsupported'>): Promise<number> {
  const count = Number(await sh('nproc'));
  if (count < 2) unsupported('a machine with one CPU');
  return count;
}

neutral('PRF.2.1-b', 'a process that is bound runs there alone', [native('sched_setaffinity')], async (context) => {
  const count = await cpus(context);
  const { send, ok } = await context.probe();

  for (let turn = 0; turn < 2; turn++) {
    for (let cpu = 0; cpu < count; cpu++) {
      await ok('pin', { cpus: 1 << cpu });
      expect(await send('native-where', { ms: 10 }), `bound to ${cpu}`).toMatchObject({ ret: 1 << cpu });
    }
  }
  // Where there is no such CPU it stays bound as it was.
  expect(await send('pin', { cpus: 1 << 30 })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await send('native-where', { ms: 10 })).toMatchObject({ ret: 1 << (count - 1) });
});
