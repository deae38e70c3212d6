/* A line of logfmt as one JSON object: see log.h. Pure, and without memory of its own: it also
 * works where nothing else does any more. */
#include "base/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct writer {
	char *out;
	size_t n, size;
	bool full;
};

static void put(struct writer *w, const char *bytes, size_t n)
{
	/* One byte is kept for the brace, one for the end. */
	if (w->full || n + 2 > w->size - w->n) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->n, bytes, n);
	w->n += n;
}

/* Length of the UTF-8 character at s; 0: none stands there (RFC 3629, table 3-7 of Unicode). */
static size_t character(const unsigned char *s, const unsigned char *end)
{
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	if (n == 0 || n > (size_t)(end - s))
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	bool bad = (*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
		   (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f);
	return bad ? 0 : n;
}

/* [s, end) inside of quotes; escaped: a backslash stands for what is behind it. */
static void put_string(struct writer *w, const char *s, const char *end, bool escaped)
{
	put(w, "\"", 1);
	while (s < end) {
		if (escaped && *s == '\\' && s + 1 < end)
			s++;
		size_t n = character((const unsigned char *)s, (const unsigned char *)end);
		char code[8];
		if (n == 0)
			put(w, "\\ufffd", 6);
		else if (*s == '"' || *s == '\\')
			put(w, (char[]){ '\\', *s }, 2);
		else if ((unsigned char)*s < 0x20)
			put(w, code, (size_t)snprintf(code, sizeof(code), "\\u%04x", (unsigned)*s));
		else
			put(w, s, n);
		s += n ? n : 1;
	}
	put(w, "\"", 1);
}

/* JSON's numbers without an exponent: hashes look like those. */
static bool is_number(const char *s, const char *end)
{
	s += s < end && *s == '-';
	size_t whole = strspn(s, "0123456789");
	if (whole == 0 || (whole > 1 && *s == '0'))
		return false;
	s += whole;
	if (*s == '.') {
		size_t fraction = strspn(++s, "0123456789");
		if (fraction == 0)
			return false;
		s += fraction;
	}
	return s == end;
}

/* Writes the value at s; returns what is behind it. */
static const char *put_value(struct writer *w, const char *s)
{
	const char *end = s;

	if (*s != '"') {
		end += strcspn(s, " ");
		if (is_number(s, end))
			put(w, s, (size_t)(end - s));
		else
			put_string(w, s, end, false);
		return end;
	}
	for (end = ++s; *end && *end != '"'; end++)
		end += *end == '\\' && end[1];
	put_string(w, s, end, true);
	return *end ? end + 1 : end;
}

size_t log_json(const char *line, char *out, size_t size)
{
	struct writer w = { .out = out, .size = size };

	put(&w, "{", 1);
	for (const char *s = line; *s && !w.full;) {
		size_t key = strcspn(s, "= "), before = w.n;
		if (key == 0) {
			s++;
			continue;
		}
		if (w.n > 1)
			put(&w, ",", 1);
		put_string(&w, s, s + key, false);
		put(&w, ":", 1);
		s += key;
		s = put_value(&w, *s == '=' ? s + 1 : s);
		if (w.full)
			w.n = before;
	}
	out[w.n++] = '}';
	out[w.n] = '\0';
	return w.n;
}
