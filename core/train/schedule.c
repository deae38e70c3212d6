/* Learning rates: see schedule.h. */
#include "train/schedule.h"

#include <math.h>

int64_t schedule_warmup(const struct train_args *a, int64_t total_steps)
{
	if (a->warmup_steps > 0)
		return a->warmup_steps;
	return (int64_t)ceil((double)total_steps * a->warmup_ratio);
}

static int64_t at_least_one(int64_t n)
{
	return n > 1 ? n : 1;
}

/* The share of the full rate. */
static double factor(const struct train_args *a, int64_t step, int64_t total_steps)
{
	int64_t warmup = schedule_warmup(a, total_steps);
	double span = (double)at_least_one(total_steps - warmup);

	if (a->lr_scheduler_type == SCHEDULE_CONSTANT)
		return 1;
	if (step < warmup)
		return (double)step / (double)at_least_one(warmup);
	if (a->lr_scheduler_type == SCHEDULE_LINEAR)
		return fmax(0, (double)(total_steps - step) / span);
	if (a->lr_scheduler_type == SCHEDULE_COSINE)
		return fmax(0, 0.5 * (1 + cos(M_PI * 0.5 * 2 * ((double)(step - warmup) / span))));
	return 1;
}

double schedule_learning_rate(const struct train_args *a, int64_t step, int64_t total_steps)
{
	return a->learning_rate * factor(a, step, total_steps);
}
