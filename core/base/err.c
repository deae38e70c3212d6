/* Errors: see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What does not fit is cut, but not in the middle of a UTF-8 sequence. */
static void write_message(struct errinfo *ei, const char *fmt, va_list ap)
{
	size_t n = sizeof(ei->msg) - 1;

	if (vsnprintf(ei->msg, sizeof(ei->msg), fmt, ap) <= (int)n)
		return;
	while (n && ((unsigned char)ei->msg[n - 1] & 0xc0) == 0x80)
		n--;
	if (n && (unsigned char)ei->msg[n - 1] >= 0xc0)
		n--;
	ei->msg[n] = '\0';
}

enum err err_set(struct errinfo *ei, enum err e, const char *fmt, ...)
{
	va_list ap;

	if (!ei)
		return e;
	va_start(ap, fmt);
	write_message(ei, fmt, ap);
	va_end(ap);
	return e;
}

enum err err_errno(struct errinfo *ei, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (ei) {
		va_start(ap, fmt);
		write_message(ei, fmt, ap);
		va_end(ap);
		size_t used = strlen(ei->msg);
		snprintf(ei->msg + used, sizeof(ei->msg) - used, ": %s", strerror(saved));
	}
	if (saved == ENOSPC || saved == EDQUOT)
		return ERR_DISK_FULL;
	return saved == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

const char *err_name(enum err e)
{
	static const char *const names[] = {
#define X(code, text) #code,
		ERR_LIST(X)
#undef X
	};
	return (size_t)e < sizeof(names) / sizeof(*names) ? names[e] : "ERR_UNKNOWN";
}

const char *err_text(enum err e)
{
	static const char *const texts[] = {
#define X(code, text) text,
		ERR_LIST(X)
#undef X
	};
	return (size_t)e < sizeof(texts) / sizeof(*texts) ? texts[e] : "unknown error";
}

void err_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "bertd: bug at %s:%d: %s\n", file, line, what);
	abort();
}
