/* GET /metrics: the process, its build and its device. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/files.h"
#include "exposition.h"
#include "prometheus.h"
#include "version.h"

#define DEVICE_SECONDS 5 /* how long what the device said is good */

/* Build and device */

static void write_build(const struct app *app, struct buf *out)
{
	exposition_describe(out, "bertd_build_info", "gauge", "1; the labels say what runs.");
	buf_puts(out, "bertd_build_info{");
	exposition_label(out, "version", bertd_version);
	buf_putc(out, ',');
	exposition_label(out, "commit", bertd_commit);
	buf_putc(out, ',');
	exposition_label(out, "libtorch", app->device.libtorch);
	buf_putc(out, ',');
	exposition_label(out, "device", app->device.name);
	buf_puts(out, "} 1\n");
}

/* Asking a GPU takes its driver's locks: scrapes that come together share an answer. */
static bool device_now(const struct app *app, struct bert_device_info *out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct bert_device_info last;
	static double asked;
	static bool known;
	struct errinfo ei;

	pthread_mutex_lock(&lock);
	if (!asked || clock_monotonic() - asked > DEVICE_SECONDS) {
		known = bert_device_info(app->config->device, &last, &ei) == OK;
		asked = clock_monotonic();
	}
	bool is = known;
	*out = last;
	pthread_mutex_unlock(&lock);
	return is;
}

static void write_device(const struct app *app, struct buf *out)
{
	struct bert_device_info info;

	if (!app->config || !device_now(app, &info))
		return;
	exposition_gauge(out, "bertd_device_memory_bytes",
			 "Memory of the device; of the machine for cpu.", (double)info.bytes_total);
	exposition_gauge(out, "bertd_device_memory_free_bytes", "Of that, what nobody uses.",
			 (double)info.bytes_free);
}

/* The process */

static void write_memory(struct buf *out)
{
	const double page = (double)sysconf(_SC_PAGESIZE);
	long long size = 0, resident = 0;
	struct buf text = { 0 };
	struct errinfo ei;

	if (files_read("/proc/self/statm", 4096, &text, &ei) != OK ||
	    sscanf(text.data, "%lld %lld", &size, &resident) != 2)
		size = resident = 0;
	buf_clear(&text);
	exposition_gauge(out, "process_virtual_memory_bytes", "Address space in use.",
			 (double)size * page);
	exposition_gauge(out, "process_resident_memory_bytes", "Memory in use.",
			 (double)resident * page);
}

static int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3; /* ".", ".." and the one that lists */

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void write_files(struct buf *out)
{
	struct rlimit limit;

	exposition_gauge(out, "process_open_fds", "Open file descriptors.", count_files());
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		exposition_gauge(out, "process_max_fds", "How many may be open.",
				 (double)limit.rlim_cur);
}

static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

void prometheus_process(const struct app *app, struct buf *out)
{
	write_build(app, out);
	exposition_gauge(out, "process_start_time_seconds", "Unix time of the start.",
			 (double)app->started_ms / 1e3);
	exposition_counter(out, "process_cpu_seconds_total", "CPU time of the process.",
			   cpu_seconds());
	write_memory(out);
	write_files(out);
	write_device(app, out);
	exposition_gauge(out, "bertd_disk_free_bytes", "Room left on the disk of data_dir.",
			 (double)files_free_bytes(app->places.data_dir));
	exposition_gauge(out, "bertd_draining", "1 while the daemon stops.",
			 atomic_load(&app->draining));
}
