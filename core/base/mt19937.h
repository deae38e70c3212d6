/* The Mersenne Twister of Matsumoto and Nishimura (1998), 32-bit, as torch.Generator (CPU) and
 * numpy.random.RandomState use it; with it bertd draws the same example order and the same rows as
 * they do. Pure. */
#ifndef BERTD_BASE_MT19937_H
#define BERTD_BASE_MT19937_H

#include <stdint.h>

struct mt19937 {
	uint32_t state[624];
	int next;
};

/* init_genrand of the reference implementation: torch's manual_seed (its low 32 bits) and
 * RandomState(seed). */
void mt19937_seed(struct mt19937 *mt, uint32_t seed);
uint32_t mt19937_next(struct mt19937 *mt);

#endif
