// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rate of the processor's time-stamp counter, in kHz. Runs on the host:
 * an emulated machine shows it the host's counter, and a guest's kernel cannot
 * measure its rate when the host is busy.
 *
 * A reading is a clock between two readings of the counter. The tightest of
 * many is not one during which the process lost its processor.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)

#include <x86intrin.h>

#define READINGS	1000
#define NSEC_PER_SEC	1000000000LL

struct reading {
	uint64_t ticks;
	int64_t ns;
};

static struct reading read_both(void)
{
	struct reading best = { 0 };
	uint64_t tightest = UINT64_MAX, before, after;
	struct timespec now;
	int i;

	for (i = 0; i < READINGS; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC, &now);
		after = __rdtsc();
		if (after - before < tightest) {
			tightest = after - before;
			best.ticks = before + tightest / 2;
			best.ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	struct reading first = read_both(), last;

	nanosleep(&pause, NULL);
	last = read_both();
	printf("%lld\n", (long long)((double)(last.ticks - first.ticks) *
				     1000000 / (last.ns - first.ns)));
	return 0;
}

#else

int main(void)
{
	fputs("no time-stamp counter that is known here\n", stderr);
	return 1;
}

#endif
