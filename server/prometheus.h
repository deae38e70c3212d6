/* GET /metrics: the counters and gauges of the daemon for Prometheus. From any thread.
 *
 * Tables hold every name with its help. Requests are counted here, everything else is asked from
 * its owner at the scrape. */
#ifndef BERTD_SERVER_PROMETHEUS_H
#define BERTD_SERVER_PROMETHEUS_H

#include "base/buf.h"
#include "web.h"

/* Counts a request that ended; route is NULL where none was found. */
void prometheus_observe(const struct web_route *route, int status, double seconds);

/* Parts of the page, for prometheus.c: prometheus_process.c, prometheus_jobs.c. */
void prometheus_process(const struct app *app, struct buf *out);
enum err prometheus_jobs(struct app *app, struct buf *out, struct errinfo *ei) MUST_USE;

#endif
