/* Conditional and partial requests: see range.h. */
#include "range.h"

#include <string.h>
#include <strings.h>

/* Digits at *s, moved behind them; -1: none, or more than any file has. */
static int64_t number(const char **s)
{
	const char *start = *s;
	int64_t v = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++) {
		if (*s - start == 18)
			return -1;
		v = v * 10 + (**s - '0');
	}
	return *s == start ? -1 : v;
}

static enum range suffix(const char *s, int64_t length, int64_t *first, int64_t *last)
{
	int64_t n = number(&s);

	if (n < 0 || *s)
		return RANGE_ALL;
	if (n == 0)
		return RANGE_NONE;
	*first = n < length ? length - n : 0;
	*last = length - 1;
	return RANGE_PART;
}

enum range range_read(const char *header, int64_t length, int64_t *first, int64_t *last)
{
	const char *s = header;

	if (!s || strncasecmp(s, "bytes=", 6) != 0)
		return RANGE_ALL;
	s += 6;
	if (*s == '-')
		return suffix(s + 1, length, first, last);
	*first = number(&s);
	if (*first < 0 || *s++ != '-')
		return RANGE_ALL;
	*last = *s ? number(&s) : length - 1;
	if (*s || (*last < *first && *first < length))
		return RANGE_ALL;
	if (*first >= length)
		return RANGE_NONE;
	if (*last >= length)
		*last = length - 1;
	return RANGE_PART;
}

bool range_none_match(const char *header, const char *etag)
{
	size_t n = strlen(etag);

	if (!header)
		return false;
	header += strspn(header, " \t");
	if (strcmp(header, "*") == 0)
		return true;
	while (*header) {
		if (strncmp(header, "W/", 2) == 0)
			header += 2;
		if (strncmp(header, etag, n) == 0)
			return true;
		/* Behind the tag, whose quotes may hold a comma. */
		const char *close = *header == '"' ? strchr(header + 1, '"') : NULL;
		header = close ? close + 1 : header + strcspn(header, ",");
		header += strspn(header, " \t,");
		if (!close && *header != '"' && strncmp(header, "W/", 2) != 0)
			return false;
	}
	return false;
}

bool range_if_range(const char *header, const char *etag)
{
	return !header || strcmp(header, etag) == 0;
}
