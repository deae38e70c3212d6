/* A model in plain C behind model/bert.h, for every test above it: multinomial logistic regression
 * over hashed token ids, trained with the same AdamW. It really learns (learning rates are
 * multiplied by FAKE_BERT_LR_SCALE, for there is so little to learn), saves and restores, continues
 * bit for bit, and depends on the seed as the real one does.
 *
 * A directory needs only config.json; a model.safetensors without "fake.weight" is passed over. */
#ifndef BERTD_FAKE_BERT_H
#define BERTD_FAKE_BERT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

#define FAKE_BERT_FEATURES 1024
#define FAKE_BERT_LR_SCALE 1000.0

/* What a test wants to happen, and what happened. Set it before the model is used; the counters are
 * atomic. */
struct fake_bert {
	int64_t fail_at_step; /* bert_train_step of this step fails; -1: none */
	enum err fail_with;
	atomic_int fail_times; /* so many times (1), then no more */
	int64_t nan_at_step;   /* the loss of this step is NaN, the weights stay; -1: none */
	enum err fail_open;    /* bert_open fails with this; OK: not */
	enum err fail_save;    /* bert_save fails with this; OK: not */
	enum err fail_forward; /* bert_forward fails with this; OK: not */
	int step_ms, forward_ms, open_ms; /* how long each call sleeps */
	void (*on_step)(
		int64_t step); /* called at the start of each step, on its thread; may be NULL */

	atomic_int open_models; /* opened and not closed */
	atomic_int opens, steps, forwards, saves;
	atomic_llong forward_tokens; /* sum of n_tokens over all forwards */
	atomic_int largest_forward;  /* most sequences in one forward */
};
extern struct fake_bert fake_bert;

/* No faults, no delays, counters at 0 (open_models stays). */
void fake_bert_reset(void);

#endif
