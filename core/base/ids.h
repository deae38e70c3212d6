/* Ids that sort by time: a prefix and a ULID (48 bits of milliseconds, 80 random bits, Crockford
 * base 32). */
#ifndef BERTD_BASE_IDS_H
#define BERTD_BASE_IDS_H

#include <stdbool.h>

#define ID_SIZE 32 /* "job_" + 26 + NUL fits */

/* A new id such as "job_01J9…" into out[ID_SIZE]; two ids made by one process in order compare in
 * that order. prefix is "job_" or "mdl_" (at most 5 bytes). From any thread. */
void ids_new(const char *prefix, char *out);

/* Whether s is the prefix followed by 26 characters of the alphabet. Pure. */
bool ids_valid(const char *prefix, const char *s);

#endif
