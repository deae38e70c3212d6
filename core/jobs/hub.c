/* The hub of subscribers: see hub.h. */
#include "jobs/hub.h"

#include "base/err.h"
#include "base/ids.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct subscription {
	char job_id[ID_SIZE];
	void (*wake)(void *ctx);
	void *ctx;
	struct subscription *prev, *next;
};

struct hub {
	pthread_mutex_t lock;
	struct subscription *first;
	int count;
};

struct hub *hub_new(void)
{
	struct hub *h = mem_zalloc(1, sizeof(*h));

	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	BUG_ON(h->first);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

struct subscription *hub_subscribe(struct hub *h, const char *job_id, void (*wake)(void *ctx),
				   void *ctx)
{
	struct subscription *s = mem_zalloc(1, sizeof(*s));

	BUG_ON(strlen(job_id) >= sizeof(s->job_id));
	strcpy(s->job_id, job_id);
	s->wake = wake;
	s->ctx = ctx;
	pthread_mutex_lock(&h->lock);
	s->next = h->first;
	if (s->next)
		s->next->prev = s;
	h->first = s;
	h->count++;
	pthread_mutex_unlock(&h->lock);
	return s;
}

void hub_unsubscribe(struct hub *h, struct subscription *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&h->lock);
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		h->first = s->next;
	h->count--;
	pthread_mutex_unlock(&h->lock);
	free(s);
}

void hub_publish(struct hub *h, const char *job_id)
{
	pthread_mutex_lock(&h->lock);
	for (struct subscription *s = h->first; s; s = s->next)
		if (strcmp(s->job_id, job_id) == 0)
			s->wake(s->ctx);
	pthread_mutex_unlock(&h->lock);
}

void hub_publish_all(struct hub *h)
{
	pthread_mutex_lock(&h->lock);
	for (struct subscription *s = h->first; s; s = s->next)
		s->wake(s->ctx);
	pthread_mutex_unlock(&h->lock);
}

int hub_count(struct hub *h)
{
	pthread_mutex_lock(&h->lock);
	int n = h->count;
	pthread_mutex_unlock(&h->lock);
	return n;
}
