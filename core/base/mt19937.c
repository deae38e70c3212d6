/* The Mersenne Twister: see mt19937.h. */
#include "base/mt19937.h"

void mt19937_seed(struct mt19937 *mt, uint32_t seed)
{
	mt->state[0] = seed;
	for (uint32_t i = 1; i < 624; i++)
		mt->state[i] = 1812433253u * (mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) + i;
	mt->next = 624;
}

static void refill(struct mt19937 *mt)
{
	uint32_t *s = mt->state;

	for (int i = 0; i < 624; i++) {
		uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7fffffffu);
		s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
	}
	mt->next = 0;
}

uint32_t mt19937_next(struct mt19937 *mt)
{
	if (mt->next == 624)
		refill(mt);
	uint32_t y = mt->state[mt->next++];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680u;
	y ^= (y << 15) & 0xefc60000u;
	return y ^ (y >> 18);
}
