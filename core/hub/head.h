/* The head of an HTTP response, line by line. Used by http.c. Pure. */
#ifndef BERTD_HUB_HEAD_H
#define BERTD_HUB_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "hub/http.h"

struct head {
	struct http_response r;
	char location[HTTP_MAX_URL + 1]; /* "" where absent or unusable */
	bool encoded;			 /* the body is compressed, or in another way not itself */
	bool chunked;
	bool started;  /* a status line was read, its empty line not yet */
	bool complete; /* the empty line of a final head (status 200 and above) was read */
	size_t bytes;  /* of all lines, informational heads and trailers included */
};

/* Before the first line of a hop. */
void head_init(struct head *h);

/* Takes the next line, with or without its line end; what comes after the final head (trailers) is
 * only counted. ERR_TOO_LARGE above HTTP_MAX_HEADERS in sum; ERR_NETWORK for a head without a
 * status line, lengths that are no numbers, and lengths or locations that contradict each other. */
enum err head_line(struct head *h, const char *line, size_t n, struct errinfo *ei) MUST_USE;

/* Whether it is complete and sends us elsewhere (301, 302, 303, 307, 308). */
bool head_redirects(const struct head *h);

/* Whether text is not empty and has visible ASCII without double quotes only, as a token or an ETag
 * that may be put into a request. */
bool head_is_visible(const char *text);

#endif
