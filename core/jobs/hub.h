/* Who waits for which job: wakes subscribers when a job has new records. Holds no records itself; a
 * woken subscriber reads them from the database. From any thread. */
#ifndef BERTD_JOBS_HUB_H
#define BERTD_JOBS_HUB_H

struct hub;
struct subscription;

struct hub *hub_new(void);
void hub_free(struct hub *h);
/* wake is called from publishing threads, under the hub's lock: it must not block and not call the
 * hub. */
struct subscription *hub_subscribe(struct hub *h, const char *job_id, void (*wake)(void *ctx),
				   void *ctx);
/* After it returned, wake is not running and will not be called again. */
void hub_unsubscribe(struct hub *h, struct subscription *s);
void hub_publish(struct hub *h, const char *job_id);
/* Wakes everyone, for the clean stop. */
void hub_publish_all(struct hub *h);
int hub_count(struct hub *h);

#endif
