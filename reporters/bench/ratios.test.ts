// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { formatRatio, ratiosOf } from './ratios.ts';
import { burst, fitting, misfit, run } from './testing/sample.ts';

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

  test('are told with two decimals', () => {
    expect(formatRatio(0.6149)).toBe('0.61 ×');
    expect(formatRatio(12)).toBe('12.00 ×');
  });
});
