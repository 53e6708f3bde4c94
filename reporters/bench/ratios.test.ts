// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { formatRatio, processRatiosOf, ratiosOf } from './ratios.ts';
import { burst, fitting, handledBy, misfit, run } from './testing/sample.ts';

describe('ratios', () => {
  test('are to the cheapest peer with the same idle count and burst', () => {
    const ratios = ratiosOf(
      run([
        fitting('aem', 1, 600),
        fitting('epoll', 1, 1200),
        fitting('io_uring-read', 1, 1000),
        fitting('aem', 1000, 600),
        fitting('epoll', 1000, 800),
        fitting('io_uring-read', 1000, 1000),
      ]),
      'deliver',
    );

    expect(ratios.map(({ idle, burst: size, peer, ratio }) => [idle, size, peer, ratio])).toEqual([
      [1, 1, 'io_uring-read', 0.6],
      [1, 64, 'io_uring-read', 0.6],
      [1000, 1, 'epoll', 0.75],
      [1000, 64, 'epoll', 0.75],
    ]);
  });

  test('are not to what is there for contrast', () => {
    const ratios = ratiosOf(
      run([
        fitting('aem', 1, 600),
        fitting('epoll-edge-unread', 1, 10),
        fitting('poll', 1, 20),
        fitting('signal', 1, 1200),
      ]),
      'deliver',
    );

    expect(ratios.map(({ peer }) => peer)).toEqual(['signal', 'signal']);
  });

  test('each metric has its own cheapest peer', () => {
    const aem = { ...fitting('aem', 1, 100), bursts: [burst(1, 100, 900)] };
    const early = { ...fitting('epoll', 1, 50), bursts: [burst(1, 50, 1800)] };
    const late = { ...fitting('signalfd', 1, 200), bursts: [burst(1, 200, 450)] };

    expect(ratiosOf(run([aem, early, late]), 'deliver')).toMatchObject([{ peer: 'epoll', ratio: 2 }]);
    expect(ratiosOf(run([aem, early, late]), 'whole')).toMatchObject([{ peer: 'signalfd', ratio: 2 }]);
  });

  test('there is none where nobody, or only AEM, fits', () => {
    const lonely = run([fitting('aem', 1, 600), misfit('epoll', 1), misfit('aem', 1000), fitting('epoll', 1000, 800)]);

    expect(ratiosOf(lonely, 'deliver')).toEqual([]);
  });

  test('each of AEM’s ways is compared with its likes', () => {
    const ratios = ratiosOf(
      run([
        fitting('aem', 1, 600),
        fitting('aem-upcall', 1, 900),
        fitting('aem-computing', 1, 500),
        fitting('epoll', 1, 1200),
        fitting('signal-computing', 1, 1000),
      ]),
      'deliver',
    ).filter((ratio) => ratio.burst === 1);

    expect(ratios.map(({ subject, peer, ratio }) => [subject, peer, ratio])).toEqual([
      ['aem', 'epoll', 0.5],
      ['aem-upcall', 'epoll', 0.75],
      ['aem-computing', 'signal-computing', 0.5],
    ]);
  });

  test('a handler process is compared with its peers, with the same owner', () => {
    const ratios = processRatiosOf(
      run([], 'icount', [
        handledBy('aem-fork', 0, 300),
        handledBy('aem-capsule', 0, 240),
        handledBy('fork', 0, 200),
        handledBy('pool-once', 64, 100),
        handledBy('pool', 0, 10),
      ]),
      'whole',
    ).filter((ratio) => ratio.burst === 8);

    expect(ratios.map(({ subject, peer, ownerMiB, ratio }) => [subject, peer, ownerMiB, ratio])).toEqual([
      ['aem-fork', 'fork', 0, 1.5],
      ['aem-capsule', 'aem-fork', 0, 0.8],
    ]);
  });

  test('are told with two decimals', () => {
    expect(formatRatio(0.6149)).toBe('0.61 ×');
    expect(formatRatio(12)).toBe('12.00 ×');
  });
});
