/* Time: the wall clock in milliseconds since 1970 UTC, a monotonic clock in seconds, and RFC 3339
 * text. */
#ifndef BERTD_BASE_CLOCK_H
#define BERTD_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT_SIZE 28

int64_t clock_now_ms(void);
double clock_monotonic(void);
/* "2026-01-02T03:04:05.678Z" into out[CLOCK_TEXT_SIZE]; returns out. Pure. */
const char *clock_rfc3339(int64_t ms, char *out);

#endif
