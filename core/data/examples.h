/* Token ids of a split, ready for batches: what the trainer and evaluation read. */
#ifndef BERTD_DATA_EXAMPLES_H
#define BERTD_DATA_EXAMPLES_H

#include <stdint.h>

/* Views into memory that somebody else owns (tokens.h; a test). The order of the rows is the
 * split's, that of their ids need not be. */
struct examples {
	int64_t n;
	const int64_t *starts;	  /* (n) where the row's ids begin in input_ids */
	const int32_t *lengths;	  /* (n) tokens with the special ones, 2 … max_length */
	const int32_t *n_first;	  /* (n) how many of them have token type 0; the others have 1 */
	const int32_t *labels;	  /* (n) */
	const int32_t *input_ids; /* of all rows */
};

#endif
