/* What is noted of each row while it is encoded, for the data report. */
#ifndef BERTD_DATA_FACTS_H
#define BERTD_DATA_FACTS_H

#include <stdint.h>

struct row_fact {
	uint64_t hash[2]; /* of the text, and of its pair where it has one: equal texts, equal hash
			   */
	int64_t line;	  /* of the file (rows.h) */
	int32_t label;
	int32_t n_untruncated; /* tokens with the special ones, before any cut */
	int32_t n_tokens;      /* after it */
	int32_t n_unknown;     /* [UNK] among n_tokens */
	uint8_t script;	       /* enum script (scripts.h): of most of its letters */
	uint8_t empty;	       /* 1: the text has no bytes */
};

#endif
