/* GET /metrics: the queue, and the job that runs. */
#include <stdlib.h>

#include "app.h"
#include "base/clock.h"
#include "exposition.h"
#include "jobs/job.h"
#include "jobs/prune.h"
#include "prometheus.h"

static void by_state(struct buf *out, const char *name, enum job_state s, int64_t n)
{
	buf_printf(out, "%s{state=\"%s\"} %lld\n", name, job_state_name(s), (long long)n);
}

static enum err write_states(struct app *app, struct buf *out, struct errinfo *ei)
{
	int64_t counts[N_JOB_STATES], oldest;
	enum err e = job_counts(app->db, counts, ei);

	if (e == OK)
		e = job_oldest_queued(app->db, &oldest, ei);
	if (e != OK)
		return e;
	exposition_describe(out, "bertd_jobs", "gauge", "Jobs in the database by state.");
	for (int i = 0; i < N_JOB_STATES; i++)
		by_state(out, "bertd_jobs", (enum job_state)i, counts[i]);
	exposition_describe(out, "bertd_jobs_ended_total", "counter",
			    "Jobs that ended since the start, by their last state.");
	for (int i = 0; i < N_JOB_STATES; i++) {
		if (job_state_final((enum job_state)i))
			by_state(out, "bertd_jobs_ended_total", (enum job_state)i,
				 job_ended((enum job_state)i));
	}
	exposition_describe(out, "bertd_pruned_jobs_total", "counter",
			    "Ended jobs removed since the start, by keep_jobs and keep_bytes.");
	buf_printf(out, "bertd_pruned_jobs_total %lld\n", (long long)prune_total());
	exposition_gauge(out, "bertd_jobs_oldest_queued_seconds",
			 "Since the oldest waiting job was created; 0: none waits.",
			 oldest ? (double)(clock_now_ms() - oldest) / 1e3 : 0);
	return OK;
}

#define P(member) offsetof(struct trainer_progress, member)

static const struct {
	const char *name, *help;
	size_t offset;
	bool integer; /* int64_t, else double */
} progress_table[] = {
	{ "bertd_job_epoch", "Epochs done by the running job.", P(epoch), false },
	{ "bertd_job_step", "Optimizer steps done by the running job.", P(step), true },
	{ "bertd_job_planned_steps", "Optimizer steps of the running job in all.", P(total_steps),
	  true },
	{ "bertd_job_loss", "Training loss of its last step.", P(loss), false },
	{ "bertd_job_step_seconds", "Time of its last step.", P(step_seconds), false },
	{ "bertd_job_samples_per_second", "Its training speed so far.", P(samples_per_second),
	  false },
};

static void write_progress(struct buf *out, const struct trainer_progress *p)
{
	for (size_t i = 0; i < sizeof(progress_table) / sizeof(progress_table[0]); i++) {
		const char *at = (const char *)p + progress_table[i].offset;
		exposition_gauge(out, progress_table[i].name, progress_table[i].help,
				 progress_table[i].integer ? (double)*(const int64_t *)at
							   : *(const double *)at);
	}
}

/* The job that is running, if there is one. */
static enum err write_running(struct app *app, struct buf *out, struct errinfo *ei)
{
	struct job_page page = { .state = JOB_RUNNING, .limit = 1 };
	struct trainer_progress progress;
	struct job *jobs;
	bool more;
	int n;
	enum err e = job_list(app->db, &page, &jobs, &n, &more, ei);

	if (e != OK)
		return e;
	if (n && app->worker && worker_progress(app->worker, jobs[0].id, &progress))
		write_progress(out, &progress);
	for (int i = 0; i < n; i++)
		job_clear(&jobs[i]);
	free(jobs);
	return OK;
}

enum err prometheus_jobs(struct app *app, struct buf *out, struct errinfo *ei)
{
	enum err e = write_states(app, out, ei);

	return e == OK ? write_running(app, out, ei) : e;
}
