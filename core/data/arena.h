/* Memory for many small strings that live and die together. One thread at a time. */
#ifndef BERTD_DATA_ARENA_H
#define BERTD_DATA_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Frees everything that was ever copied in. NULL is fine. */
void arena_free(struct arena *a);

/* A copy of n bytes, followed by a 0 byte. It stays where it is until the arena is freed. */
char *arena_copy(struct arena *a, const void *data, size_t n);

#endif
