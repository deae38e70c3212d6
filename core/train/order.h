/* In which order an epoch visits the training examples. Pure. */
#ifndef BERTD_TRAIN_ORDER_H
#define BERTD_TRAIN_ORDER_H

#include <stdint.h>

/* Examples that an epoch may have: from here on torch.randperm draws 64-bit numbers, in another
 * order. */
#define ORDER_MAX (UINT32_MAX / 20 - 1)

/* The order of epoch `epoch` (from 0) over n examples, 0 ≤ n ≤ ORDER_MAX, into order (n): what the
 * Trainer draws with its defaults, torch.randperm(n) under a CPU generator seeded with seed + epoch
 * (accelerate's SeedableRandomSampler). A generator uses the low 32 bits of its seed. */
void order_epoch(uint64_t seed, int64_t epoch, int64_t n, int64_t *order);

#endif
