/* Texts to token ids on several threads; the rows come out in the order in which they went in. */
#ifndef BERTD_DATA_ENCODER_H
#define BERTD_DATA_ENCODER_H

#include <stdint.h>

#include "base/err.h"
#include "data/dataset.h"
#include "data/facts.h"
#include "text/tokenizer.h"

struct encoded_row {
	enum split split;
	int64_t place; /* in its split */
	const int32_t *input_ids;
	int32_t length;	 /* of input_ids */
	int32_t n_first; /* of token type 0 */
	struct row_fact fact;
};

/* Called on the thread that adds and finishes, for each row in turn; what it points to is borrowed.
 * An error ends the encoding with it. */
typedef enum err encoder_taker(void *ctx, const struct encoded_row *row, struct errinfo *ei);

struct encoder_config {
	const struct tokenizer *tokenizer;
	int max_length;
	int threads;	  /* that encode, 1 to ENCODER_MAX_THREADS: beside the one that adds */
	uint64_t seed[2]; /* of the facts' hashes; nobody who writes texts should know it before */
	encoder_taker *take;
	void *ctx;
};
#define ENCODER_MAX_THREADS 64

/* All functions on one thread. Memory: a few hundred KB a thread, however many rows there are. */
struct encoder;
struct encoder *encoder_new(const struct encoder_config *c);
/* Stops the threads, also in the middle. NULL is fine. */
void encoder_free(struct encoder *e);

/* Copies a row in; may hand earlier ones to take, and waits when the threads have enough to do.
 * ERR_INVALID names the line of an earlier row that cannot be encoded; after an error there is only
 * encoder_free. */
enum err encoder_add(struct encoder *e, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei) MUST_USE;
/* Waits until all rows were taken. */
enum err encoder_finish(struct encoder *e, struct errinfo *ei) MUST_USE;

#endif
