/* Conditional and partial requests for bytes that do not change (RFC 9110, 13 and 14). Pure. */
#ifndef BERTD_SERVER_RANGE_H
#define BERTD_SERVER_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range {
	RANGE_ALL,  /* no Range, or one that is to be ignored: other units, several ranges, broken
		     */
	RANGE_PART, /* [first, last] */
	RANGE_NONE, /* nothing of it is there: 416 */
};

/* What a Range header (NULL: absent) asks of length bytes, length > 0: "bytes=0-499", "bytes=500-"
 * or "bytes=-500". */
enum range range_read(const char *header, int64_t length, int64_t *first, int64_t *last);

/* Whether an If-None-Match header (NULL: absent) names the entity tag: "*" or a list, compared
 * weakly. etag: with its quotes. */
bool range_none_match(const char *header, const char *etag);

/* Whether Range counts beside an If-Range header (NULL: absent, so it does): it must be exactly the
 * entity tag. Dates never fit. */
bool range_if_range(const char *header, const char *etag);

#endif
