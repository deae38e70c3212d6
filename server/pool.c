/* Threads behind a bounded queue: see pool.h. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

struct task {
	void (*run)(void *ctx);
	void *ctx;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct task *queue; /* a ring of max_queued */
	int max_queued, first, n;
	bool closed;
	int n_threads;
	pthread_t threads[];
};

static void *work(void *ctx)
{
	struct pool *p = ctx;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->n == 0 && !p->closed)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->n == 0)
			break;
		struct task t = p->queue[p->first];
		p->first = (p->first + 1) % p->max_queued;
		p->n--;
		pthread_mutex_unlock(&p->lock);
		t.run(t.ctx);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct pool *pool_new(int n_threads, int max_queued)
{
	struct pool *p = mem_zalloc(1, sizeof(*p) + (size_t)n_threads * sizeof(p->threads[0]));

	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->queue = mem_zalloc((size_t)max_queued, sizeof(*p->queue));
	p->max_queued = max_queued;
	for (; p->n_threads < n_threads; p->n_threads++)
		BUG_ON(pthread_create(&p->threads[p->n_threads], NULL, work, p) != 0);
	return p;
}

bool pool_submit(struct pool *p, void (*run)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&p->lock);
	bool ok = !p->closed && p->n < p->max_queued;
	if (ok) {
		p->queue[(p->first + p->n++) % p->max_queued] = (struct task){ run, ctx };
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void pool_close(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool first = !p->closed;
	p->closed = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; first && i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_close(p);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->queue);
	free(p);
}
