/* A few threads for handlers that read files or much data (ON_POOL routes), behind a bounded queue.
 * From any thread. */
#ifndef BERTD_SERVER_POOL_H
#define BERTD_SERVER_POOL_H

#include <stdbool.h>

struct pool;

struct pool *pool_new(int n_threads, int max_queued);
/* Queues run(ctx). false, and run is never called: as many as max_queued wait, or the pool is
 * closed. Never blocks. */
bool pool_submit(struct pool *p, void (*run)(void *ctx), void *ctx);
/* Runs what is queued, then ends the threads. Repeating it is harmless. */
void pool_close(struct pool *p);
/* Closes and frees. NULL is fine. */
void pool_free(struct pool *p);

#endif
