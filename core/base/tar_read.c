/* Reading tar archives: see tar.h. */
#include "base/tar.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADER (64 << 10) /* of pax records and long names */

static enum err invalid(const struct tar_reader *r, struct errinfo *ei, const char *what)
{
	return err_set(ei, ERR_INVALID, "the tar is not valid at byte %lld: %s", (long long)r->at,
		       what);
}

static enum err read_at(const struct tar_reader *r, int64_t at, char *out, size_t n,
			struct errinfo *ei)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(r->fd, out + done, n - done, at + (int64_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(ei, ERR_IO, "the tar cannot be read");
		done += (size_t)got;
	}
	return OK;
}

/* --- one header block --- */

struct header {
	char name[TAR_NAME_SIZE];
	char type;
	int64_t size;
};

/* Octal digits behind blanks, ended by a blank, a NUL or the end of the field; -1 for anything
 * else, as the binary form that GNU tar has for 8 GiB and more. */
static int64_t octal(const char *s, size_t width)
{
	size_t i = 0;
	int64_t v = 0;

	while (i < width && s[i] == ' ')
		i++;
	size_t first = i;
	for (; i < width && s[i] >= '0' && s[i] <= '7'; i++)
		v = v * 8 + (s[i] - '0');
	if (i == first || (i < width && s[i] != ' ' && s[i] != '\0'))
		return -1;
	return v;
}

static bool checksum_fits(const char *block)
{
	unsigned sum = 8 * ' ';

	for (int i = 0; i < TAR_BLOCK; i++)
		if (i < 148 || i >= 156)
			sum += (unsigned char)block[i];
	return octal(block + 148, 8) == (int64_t)sum;
}

static bool is_zero(const char *block)
{
	for (int i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static enum err parse_header(const struct tar_reader *r, const char *block, struct header *h,
			     struct errinfo *ei)
{
	bool posix = memcmp(block + 257,
			    "ustar\0"
			    "00",
			    8) == 0;

	if (r->at == 0 && block[0] == '\x1f' && block[1] == '\x8b')
		return err_set(ei, ERR_UNSUPPORTED,
			       "the tar is compressed: send it as it is, without gzip");
	if (!checksum_fits(block))
		return invalid(r, ei, "the checksum of a header does not fit");
	h->size = octal(block + 124, 12);
	if (h->size < 0)
		return invalid(r, ei, "the size of an entry is no octal number");
	h->type = block[156];
	snprintf(h->name, sizeof(h->name), "%.*s%s%.100s", posix ? 155 : 0, block + 345,
		 posix && block[345] ? "/" : "", block);
	return OK;
}

/* The header at r->at. ERR_NOT_FOUND: the end mark. */
static enum err read_header(const struct tar_reader *r, struct header *h, struct errinfo *ei)
{
	char block[TAR_BLOCK];

	if (r->bytes - r->at < TAR_BLOCK)
		return invalid(r, ei, "it ends without its end mark");
	enum err e = read_at(r, r->at, block, sizeof(block), ei);
	if (e != OK)
		return e;
	if (is_zero(block))
		return err_set(ei, ERR_NOT_FOUND, "the tar ends here");
	e = parse_header(r, block, h, ei);
	if (e == OK && h->size > r->bytes - r->at - TAR_BLOCK)
		return invalid(r, ei, "it ends within an entry");
	return e;
}

static void skip(struct tar_reader *r, int64_t size)
{
	r->at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* --- headers about headers --- */

struct extension {
	char name[TAR_NAME_SIZE]; /* of the next entry; "": as its header says */
};

static enum err set_name(struct extension *x, const char *name, size_t n)
{
	n = n < sizeof(x->name) ? n : sizeof(x->name) - 1;
	memcpy(x->name, name, n);
	x->name[n] = '\0';
	return OK;
}

static bool has_prefix(const char *s, size_t n, const char *prefix)
{
	size_t len = strlen(prefix);

	return n >= len && memcmp(s, prefix, len) == 0;
}

/* A record that would change where contents begin and end, or what an entry is. */
static bool is_refused(const char *key, size_t n)
{
	return (n == 4 && memcmp(key, "size", 4) == 0) || has_prefix(key, n, "linkpath") ||
	       has_prefix(key, n, "GNU.sparse.") || has_prefix(key, n, "SCHILY.realsize");
}

static enum err take_record(const struct tar_reader *r, const char *key, size_t key_n,
			    const char *value, size_t value_n, bool global, struct extension *x,
			    struct errinfo *ei)
{
	bool path = key_n == 4 && memcmp(key, "path", 4) == 0;

	if (is_refused(key, key_n) || (path && global))
		return invalid(r, ei, "a pax header changes sizes, links or all names");
	if (path && memchr(value, '\0', value_n))
		return invalid(r, ei, "a name holds a NUL");
	return path ? set_name(x, value, value_n) : OK;
}

/* "LENGTH KEY=VALUE\n", LENGTH counting all of it. */
static enum err take_records(const struct tar_reader *r, const char *text, size_t len, bool global,
			     struct extension *x, struct errinfo *ei)
{
	enum err e = OK;

	while (e == OK && len) {
		char *key;
		long n = *text >= '1' && *text <= '9' ? strtol(text, &key, 10) : 0;
		if (n < 5 || n > (long)len || *key != ' ' || text[n - 1] != '\n')
			return invalid(r, ei, "a pax header is broken");
		const char *end = text + n - 1;
		const char *equals = ++key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
		if (!equals)
			return invalid(r, ei, "a pax header is broken");
		e = take_record(r, key, (size_t)(equals - key), equals + 1,
				(size_t)(end - equals - 1), global, x, ei);
		text += n;
		len -= (size_t)n;
	}
	return e;
}

static enum err read_extension(struct tar_reader *r, const struct header *h, struct extension *x,
			       struct errinfo *ei)
{
	struct buf text = { 0 };
	size_t n = (size_t)h->size;

	if (h->size > MAX_HEADER)
		return err_set(ei, ERR_TOO_LARGE, "a header of the tar is larger than %d bytes",
			       MAX_HEADER);
	buf_reserve(&text, n + 1);
	enum err e = read_at(r, r->at + TAR_BLOCK, text.data, n, ei);
	text.data[n] = '\0';
	if (e == OK && h->type == 'L')
		e = set_name(x, text.data, strlen(text.data));
	else if (e == OK)
		e = take_records(r, text.data, n, h->type == 'g', x, ei);
	buf_clear(&text);
	skip(r, h->size);
	return e;
}

/* --- entries --- */

/* What an entry of that type is called when it is refused; NULL: it is not. */
static const char *refused(char type)
{
	switch (type) {
	case '0':
	case '\0':
	case '5':
		return NULL;
	case '1':
	case '2':
	case 'K':
		return "it holds a link";
	case '3':
	case '4':
	case '6':
		return "it holds a device or a pipe";
	case 'S':
		return "it holds a sparse file";
	default:
		return "it holds an entry of an unknown kind";
	}
}

static enum err give(struct tar_reader *r, const struct header *h, const struct extension *x,
		     struct tar_entry *out, struct errinfo *ei)
{
	const char *why = refused(h->type);
	const char *name = x->name[0] ? x->name : h->name;
	size_t n = strlen(name);

	if (why)
		return invalid(r, ei, why);
	memcpy(out->name, name, n + 1);
	/* The oldest tars mark folders by their name alone. */
	out->folder = h->type == '5' || (n > 0 && name[n - 1] == '/');
	out->size = h->size;
	out->offset = r->at + TAR_BLOCK;
	skip(r, h->size);
	return OK;
}

enum err tar_next(struct tar_reader *r, struct tar_entry *out, struct errinfo *ei)
{
	struct extension x = { "" };
	struct header h;
	enum err e;

	for (;;) {
		e = read_header(r, &h, ei);
		if (e == OK && ++r->n_entries > TAR_MAX_ENTRIES)
			e = err_set(ei, ERR_TOO_LARGE, "the tar has more than %d entries",
				    TAR_MAX_ENTRIES);
		if (e != OK)
			return e;
		if (!strchr("xgL", h.type) || h.type == '\0')
			return give(r, &h, &x, out, ei);
		e = read_extension(r, &h, &x, ei);
		if (e != OK)
			return e;
	}
}
