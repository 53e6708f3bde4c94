// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to register one more source, to look one up and to shut one
 * down, beside all that are there. Each is timed alone, and the median told:
 * now and then one pays for a page that many use.
 */
#include "bench.h"

static double added, looked, dropped;

/* The same each time, and no order that a cache or a tree could profit from. */
static unsigned int scattered(unsigned int i, unsigned int count)
{
	return i * 2654435761ULL % count;
}

static double time_each(int (*what)(unsigned int), const unsigned int *sources)
{
	long long took[MORE], began;
	unsigned int i;

	for (i = 0; i < MORE; i++) {
		began = now_ns();
		if (what(sources[i]) < 0)
			die("one more source");
		took[i] = now_ns() - began;
	}
	return median(took, MORE);
}

/* In the consumer's thread; the mechanism was opened for so many more. */
void measure_more(const struct mechanism *m, unsigned int sources)
{
	unsigned int fresh[MORE], any[MORE], back[MORE], i;

	for (i = 0; i < MORE; i++) {
		fresh[i] = sources + i;
		any[i] = scattered(i + 1, sources);
		back[i] = sources + scattered(i, MORE);
	}
	added = time_each(m->add, fresh);
	looked = time_each(m->look, any);
	dropped = time_each(m->drop, back);
}

void print_more(FILE *line)
{
	fprintf(line, ",\"more\":{\"register\":%.1f,\"lookup\":%.1f,\"shutdown\":%.1f}", added,
		looked, dropped);
}
