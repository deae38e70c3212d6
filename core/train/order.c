/* The order of an epoch: see order.h. */
#include "train/order.h"

#include "base/err.h"
#include "base/mt19937.h"

void order_epoch(uint64_t seed, int64_t epoch, int64_t n, int64_t *order)
{
	struct mt19937 mt;

	BUG_ON(n < 0 || n > ORDER_MAX);
	for (int64_t i = 0; i < n; i++)
		order[i] = i;
	mt19937_seed(&mt, (uint32_t)(seed + (uint64_t)epoch));
	for (int64_t i = 0; i < n - 1; i++) {
		int64_t j = i + mt19937_next(&mt) % (n - i);
		int64_t taken = order[j];

		order[j] = order[i];
		order[i] = taken;
	}
}
