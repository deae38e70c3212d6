/* The daemon's log: one line of logfmt, or of JSON, on stderr for each event. Safe from every
 * thread.
 *
 *     log_info("job_claimed", "job=%s attempt=%d", id, attempt)
 *     → time=2026-01-02T03:04:05.678Z level=info event=job_claimed job=job_… attempt=1
 *
 * Values that can hold a blank or a quote are written with %s and log_quote(). Secrets never go
 * here. */
#ifndef BERTD_BASE_LOG_H
#define BERTD_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below the level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);
enum log_format { LOG_LOGFMT, LOG_JSON };
/* LOG_LOGFMT at start. JSON has one object a line with the same names in the same order. */
void log_set_format(enum log_format format);
/* A line of logfmt as one JSON object: numbers as numbers, anything else as text; what is not UTF-8
 * becomes U+FFFD. Members that do not fit into out (size, 3 at least) are left out. Returns the
 * length. Pure. */
size_t log_json(const char *line, char *out, size_t size);
void log_line(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)

/* s as a quoted logfmt value with escapes, cut at the size of the buffer. Returns out. */
struct log_quoted {
	char text[600];
};
const char *log_quote(const char *s, struct log_quoted *out);
#define log_q(s) log_quote(s, &(struct log_quoted){ { 0 } })

#endif
