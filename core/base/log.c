/* The daemon's log: see log.h. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int threshold = LOG_INFO;
static atomic_int line_format = LOG_LOGFMT;

void log_set_format(enum log_format format)
{
	atomic_store(&line_format, format);
}

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, level);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[2048], json[4096], when[CLOCK_TEXT_SIZE], *text = line;
	va_list ap;

	if ((int)level < atomic_load(&threshold))
		return;
	clock_rfc3339(clock_now_ms(), when);
	int n = snprintf(line, sizeof(line), "time=%s level=%s event=%s ", when, names[level],
			 event);
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\0';
	if (atomic_load(&line_format) == LOG_JSON) {
		n = (int)log_json(line, json, sizeof(json) - 1);
		text = json;
	}
	text[n++] = '\n';
	/* One write a line: lines of several threads do not mix. A full pipe loses the line, not
	 * the daemon. */
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		return;
}

const char *log_quote(const char *s, struct log_quoted *out)
{
	size_t n = 0;

	out->text[n++] = '"';
	for (; *s && n < sizeof(out->text) - 4; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			out->text[n++] = '\\';
		out->text[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	out->text[n++] = '"';
	out->text[n] = '\0';
	return out->text;
}
