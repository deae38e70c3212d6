/* The learning rate of each step, as the schedules of transformers.optimization. Pure. */
#ifndef BERTD_TRAIN_SCHEDULE_H
#define BERTD_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "train/args.h"

/* Steps of linear warm-up in a run of total_steps: warmup_steps, or the ceiling of warmup_ratio ×
 * total_steps where that is 0. */
int64_t schedule_warmup(const struct train_args *a, int64_t total_steps);

/* The rate that optimizer step `step` (from 0) uses: learning_rate × step / warmup during the
 * warm-up, then linear: down to 0 at total_steps; cosine: half a wave down to 0 there; the constant
 * ones: learning_rate. "constant" has no warm-up. */
double schedule_learning_rate(const struct train_args *a, int64_t step, int64_t total_steps);

#endif
