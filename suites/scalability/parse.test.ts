// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { checkInstructionClock } from './measure.ts';
import { readBench } from './parse.ts';
import type { Begun } from './parse.ts';

const start = '{"start":{"plan":2,"nops":1000000,"nopsNs":1002069,"clockNs":80.0}}';
const begin = '{"begin":{"mechanism":"aem","idle":1}}';
const figures = '"raise":{"median":1738.0,"min":1737.0},"deliver":{"median":5671.0,"min":5670.0},"whole":{"median":12010.0,"min":12005.0}';
const fits = `{"result":{"mechanism":"aem","idle":1,"fits":true,"bursts":[{"size":1,"rounds":200,${figures}}],"register":3176.5,"shutdown":1294.5}}`;
const misfit = '{"result":{"mechanism":"io_uring-read","idle":1000000,"fits":false,"neededKb":985552,"availableKb":703192}}';
const end = '{"end":{"results":2}}';

describe('the stream of the guest’s bench', () => {
  test('becomes what was measured; each beginning is told', async () => {
    const begun: Begun[] = [];

    const measured = await readBench([start, begin, fits, misfit, end], (one) => begun.push(one));

    expect(begun).toEqual([{ mechanism: 'aem', idle: 1, done: 0, plan: 2 }]);
    expect(measured).toMatchObject({ nops: 1_000_000, nopsNs: 1_002_069, clockNs: 80 });
    expect(measured.measurements).toEqual([
      {
        mechanism: 'aem',
        idle: 1,
        fits: true,
        bursts: [
          {
            size: 1,
            rounds: 200,
            raise: { median: 1738, min: 1737 },
            deliver: { median: 5671, min: 5670 },
            whole: { median: 12010, min: 12005 },
          },
        ],
        register: 3176.5,
        shutdown: 1294.5,
      },
      { mechanism: 'io_uring-read', idle: 1_000_000, fits: false, neededKb: 985_552, availableKb: 703_192 },
    ]);
  });

  test.each([
    ['no end', [start, fits, misfit]],
    ['a result too few', [start, fits, end]],
    ['no plan', [fits, misfit, end]],
    ['nothing', []],
  ])('with %s is no result', async (_, lines) => {
    await expect(readBench(lines)).rejects.toMatchObject({ exitStatus: 3, message: expect.stringContaining('broke off') });
  });

  test('events that were lost are a finding; a failure is none', async () => {
    await expect(readBench([start, '{"wrong":"aem: of a burst of 64 63 came"}'])).rejects.toMatchObject({ exitStatus: 1 });
    await expect(readBench([start, '{"error":"epoll: No such device"}'])).rejects.toMatchObject({ exitStatus: 3 });
  });

  test.each(['oops', '1', '{}', '{"new":{}}', '{"result":{"mechanism":"aem"}}', fits.replace('5671.0', '"many"')])(
    'a line that it does not know is told: %s',
    async (line) => {
      await expect(readBench([start, line])).rejects.toMatchObject({ exitStatus: 3, message: expect.stringContaining('cannot be read') });
    },
  );
});

test('a clock that does not count instructions is refused', () => {
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 1_002_069 })).not.toThrow();
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 1211 })).toThrow('does not count instructions');
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 4_000_000 })).toThrow('does not count instructions');
});
