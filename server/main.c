/* bertd: starts everything in order, waits for a signal, stops everything in order.
 *
 * The daemon is crash-only: it may be killed at any instruction, and the ordered stop only saves
 * work. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "caches.h"
#include "command.h"
#include "http.h"
#include "jobs/job.h"
#include "keeper.h"
#include "keys.h"
#include "notify.h"
#include "reload.h"
#include "version.h"

extern char **environ;

struct daemon {
	struct config config; /* as of the start */
	struct keys *keys;    /* as of the start; NULL: none */
	struct reload reload;
	struct app app;
	struct keeper *keeper;
	struct caches caches;
	struct http *http;
	int lock_fd;
};

/* Before any thread starts, so that all of them inherit it: signals are for the main
 * thread's wait. */
static void take_signals(sigset_t *set)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static enum err check_folder(const char *option, const char *path, struct errinfo *ei)
{
	struct stat st;

	if (!path)
		return OK;
	if (stat(path, &st) != 0)
		return err_set(ei, ERR_INVALID, "%s: %s: %s", option, path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(ei, ERR_INVALID, "%s: %s is not a folder", option, path);
	return OK;
}

#define OTHER_FILES 1024 /* descriptors beside those of connections; exports hold up to 512 */

static void raise_file_limit(int64_t max_connections)
{
	rlim_t want = (rlim_t)max_connections + OTHER_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
		log_warn("few_files", "max_connections=%lld wants=%llu limit=%llu",
			 (long long)max_connections, (unsigned long long)want,
			 (unsigned long long)limit.rlim_cur);
}

/* What needs no other part: folders, keys, the device. */
static enum err look_around(struct daemon *d, struct errinfo *ei)
{
	const struct config *c = &d->config;
	struct errinfo why;
	enum err e = check_folder("data_root", c->data_root, ei);

	if (e == OK)
		e = check_folder("model_dir", c->model_dir, ei);
	/* A script that waits for this file must not find the port of an earlier run. */
	if (e == OK && c->port_file && unlink(c->port_file) != 0 && errno != ENOENT)
		e = err_errno(ei, "port_file: cannot remove %s", c->port_file);
	if (e == OK && c->api_keys_file) {
		e = keys_load(c->api_keys_file, &d->keys, &why);
		d->app.keys = d->keys;
		if (e != OK)
			return err_set(ei, e, "api_keys_file: %s: %s", c->api_keys_file, why.msg);
	}
	return e == OK ? bert_device_info(c->device, &d->app.device, ei) : e;
}

static enum err open_data(struct daemon *d, struct errinfo *ei)
{
	char *path = mem_printf("%s/bertd.db", d->config.data_dir);
	int orphans = 0, swept = 0;
	enum err e = places_open(&d->app.places, &d->lock_fd, ei);

	if (e == OK)
		e = db_open(path, &d->app.db, ei);
	if (e == OK)
		e = job_requeue_orphans(d->app.db, &orphans, ei);
	if (e == OK)
		e = places_sweep(&d->app.places, d->app.db, &swept, ei);
	if (e == OK && (orphans || swept))
		log_info("recovered", "jobs_requeued=%d leftovers_removed=%d", orphans, swept);
	free(path);
	return e;
}

static enum err start_threads(struct daemon *d, struct errinfo *ei)
{
	const struct config *c = &d->config;
	struct serve_config serve = { .device = c->device,
				      .threads = (int)c->threads,
				      .bf16 = c->serve_bf16,
				      .max_model_bytes = c->max_model_bytes,
				      .max_batch_tokens = c->max_batch_tokens,
				      .max_queue_texts = c->max_queue_texts };
	d->app.hub = hub_new();
	d->app.downloads = downloads_new();
	struct ahead_config ahead = { d->app.db, d->app.hub, &d->app.places, d->app.downloads };
	struct worker_config worker = { .db = d->app.db,
					.hub = d->app.hub,
					.places = &d->app.places,
					.downloads = d->app.downloads,
					.device = c->device,
					.threads = (int)c->threads,
					.version = bertd_build };
	enum err e = serve_start(&serve, &d->app.serve, ei);

	if (e == OK)
		e = ahead_start(&ahead, &d->app.ahead, ei);
	worker.ahead = d->app.ahead;
	if (e == OK)
		e = worker_start(&worker, &d->app.worker, ei);
	if (e == OK)
		e = keeper_start(&d->app, &d->keeper, ei);
	return e == OK ? http_start(&d->app, &d->http, ei) : e;
}

static enum err announce(const struct daemon *d, struct errinfo *ei)
{
	struct errinfo why;
	char port[16];
	int n = snprintf(port, sizeof(port), "%d\n", http_port(d->http));
	enum err e = OK;

	if (d->config.port_file)
		e = files_write(d->config.port_file, port, (size_t)n, &why);
	if (e != OK) {
		(void)err_set(ei, e, "port_file: %s", why.msg);
	} else {
		log_info("listening",
			 "listen=%s port=%d device=%s libtorch=%s version=%s commit=%s",
			 d->config.listen, http_port(d->http), log_q(d->app.device.name),
			 d->app.device.libtorch, bertd_version, bertd_commit);
		notify_send("READY=1");
	}
	return e;
}

static enum err start(struct daemon *d, struct errinfo *ei)
{
	const struct config *c = &d->config;

	log_set_format((enum log_format)c->log_format);
	log_set_level((enum log_level)c->log_level);
	d->app.config = c;
	d->app.places = (struct places){ .data_dir = c->data_dir,
					 .data_root = c->data_root,
					 .model_dir = c->model_dir };
	d->app.started_ms = clock_now_ms();
	raise_file_limit(c->max_connections);
	enum err e = look_around(d, ei);
	if (e == OK)
		e = open_data(d, ei);
	if (e == OK)
		e = caches_open(&d->app, c, &d->caches, ei);
	if (e == OK)
		e = start_threads(d, ei);
	return e == OK ? announce(d, ei) : e;
}

/* Somebody still uses what would be freed: leave as if killed, which costs nothing that was
 * acknowledged. */
static void leave(const char *why)
{
	log_warn("stopped", "clean=no reason=%s", why);
	_exit(0);
}

/* In the order that lets each part finish what the parts before it began. Also after half a start.
 */
static void stop(struct daemon *d)
{
	atomic_store(&d->app.draining, true);
	if (d->app.hub)
		hub_publish_all(d->app.hub);
	if (d->http && !http_drain(d->http))
		leave("a_request_does_not_end");
	keeper_stop(d->keeper);
	/* The worker may wait for what is made ahead, and tells it news: broken off before it,
	 * freed behind it. */
	if (d->app.ahead)
		ahead_end(d->app.ahead);
	if (d->app.worker)
		worker_stop(d->app.worker);
	ahead_stop(d->app.ahead);
	if (d->app.serve)
		serve_stop(d->app.serve);
	if (d->http && !http_stop(d->http))
		leave("an_answer_is_missing");
	if (d->app.hub)
		hub_free(d->app.hub);
	downloads_free(d->app.downloads);
	caches_close(&d->caches);
	if (d->app.db)
		db_close(d->app.db);
	reload_clear(&d->reload);
	keys_free(d->keys);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
}

/* Until a signal to end comes; HUP is a reload. A device that is lost for this process ends it
 * instead: whoever supervises bertd starts it again, as for the worker's device. */
static int wait_for_signal(struct daemon *d, const sigset_t *signals)
{
	const struct timespec second = { .tv_sec = 1 };
	int got;

	while ((got = sigtimedwait(signals, NULL, &second)) < 0 || got == SIGHUP) {
		if (got == SIGHUP)
			reload_run(&d->reload, &d->app);
		if (!serve_healthy(d->app.serve)) {
			log_error("device_lost", "device=%s", d->config.device);
			_exit(WORKER_EXIT_DEVICE);
		}
	}
	return got;
}

int main(int argc, char **argv)
{
	struct daemon d = { .lock_fd = -1, .reload = { argc, argv, environ, NULL } };
	enum config_action action;
	struct errinfo ei;
	sigset_t signals;

	if (argc > 1 && argv[1][0] != '-')
		return command_run(argc, argv, environ);
	take_signals(&signals);
	if (config_load(argc, argv, environ, stdout, &d.config, &action, &ei) != OK) {
		fprintf(stderr, "bertd: %s\n", ei.msg);
		return 1;
	}
	if (action == CONFIG_EXIT_OK) {
		config_clear(&d.config);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	enum err e = start(&d, &ei);
	if (e != OK) {
		fprintf(stderr, "bertd: %s\n", ei.msg);
	} else {
		int got = wait_for_signal(&d, &signals);
		log_info("stopping", "signal=%s", sigabbrev_np(got));
		notify_send("STOPPING=1");
	}
	stop(&d);
	if (e == OK) {
		if (d.config.port_file)
			unlink(d.config.port_file);
		log_info("stopped", "clean=yes");
	}
	config_clear(&d.config);
	return e == OK ? 0 : 1;
}
