// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { checkInstructionClock, countsBy } from './measure.ts';
import { readBench, readProcesses } from './parse.ts';

const start = '{"start":{"plan":2,"nops":1000000,"nopsNs":1002069,"clockNs":80.0}}';
const begin = '{"begin":{"mechanism":"aem","idle":1}}';
const figures = '"raise":{"median":1738.0,"min":1737.0},"deliver":{"median":5671.0,"min":5670.0},"whole":{"median":12010.0,"min":12005.0}';
const fits = `{"result":{"mechanism":"aem","idle":1,"fits":true,"bursts":[{"size":1,"rounds":200,${figures},"entries":2.0000}],"register":3176.5,"shutdown":1294.5,"more":{"register":3263.0,"lookup":860.0,"shutdown":1430.0},"bytes":155.7,"ownBytes":40}}`;
const misfit = '{"result":{"mechanism":"io_uring-read","idle":1000000,"fits":false,"neededKb":985552,"availableKb":703192}}';
const end = '{"end":{"results":2}}';

describe('the stream of the guest’s bench', () => {
  test('becomes what was measured; each beginning is told', async () => {
    const begun: unknown[] = [];

    const measured = await readBench([start, begin, fits, misfit, end], (fields, done, plan) =>
      begun.push([fields.text('mechanism'), fields.number('idle'), done, plan]),
    );

    expect(begun).toEqual([['aem', 1, 0, 2]]);
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
            entries: 2,
          },
        ],
        register: 3176.5,
        shutdown: 1294.5,
        more: { register: 3263, lookup: 860, shutdown: 1430 },
        bytes: 155.7,
        ownBytes: 40,
      },
      { mechanism: 'io_uring-read', idle: 1_000_000, fits: false, neededKb: 985_552, availableKb: 703_192 },
    ]);
  });

  test.each([
    ['no end', [start, fits, misfit]],
    ['a result too few', [start, fits, end]],
    ['no plan', [fits, misfit, end]],
    ['nothing', []],
    ['nothing planned', [start.replace('"plan":2', '"plan":0'), '{"end":{"results":0}}']],
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

describe('the stream of the guest’s bench-process', () => {
  const process = `{"result":{"mechanism":"aem-fork","ownerMiB":64,"bursts":[{"size":8,"rounds":20,${figures}}]}}`;
  const [plan, last] = [start.replace('"plan":2', '"plan":1'), '{"end":{"results":1}}'];

  test('becomes what was measured', async () => {
    const measured = await readProcesses([plan, '{"begin":{"mechanism":"aem-fork","ownerMiB":64}}', process, last]);

    const [deliver, whole] = [{ median: 5671, min: 5670 }, { median: 12010, min: 12005 }];
    expect(measured).toEqual([{ mechanism: 'aem-fork', ownerMiB: 64, bursts: [{ size: 8, rounds: 20, deliver, whole }] }]);
  });

  test('without its end, without bursts or with an event too many is no result', async () => {
    await expect(readProcesses([plan, process])).rejects.toMatchObject({ exitStatus: 3 });
    await expect(readProcesses([plan, process.replace(/"bursts":.*/, '"bursts":[]}}'), last])).rejects.toMatchObject({
      exitStatus: 3,
      message: expect.stringContaining('cannot be read'),
    });
    await expect(readProcesses([plan, '{"wrong":"aem-fork: of a burst of 8 9 were handled"}'])).rejects.toMatchObject({ exitStatus: 1 });
  });
});

test('a clock that does not count instructions is refused', () => {
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 1_002_069 })).not.toThrow();
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 1211 })).toThrow('does not count instructions');
  expect(() => checkInstructionClock({ nops: 1_000_000, nopsNs: 4_000_000 })).toThrow('does not count instructions');
});

test('more than a million idle sources are measured in instructions only, so that the host’s clock may have none', () => {
  expect(countsBy('icount', [1, 1_000_000, 4_000_000])).toEqual([1, 1_000_000, 4_000_000]);
  expect(countsBy('host', [1, 1_000_000, 4_000_000])).toEqual([1, 1_000_000]);
  expect(countsBy('host', [4_000_000])).toEqual([]);
});
