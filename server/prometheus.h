/* What GET /metrics shows of the requests themselves. From any thread. */
#ifndef BERTD_SERVER_PROMETHEUS_H
#define BERTD_SERVER_PROMETHEUS_H

#include "web.h"

/* Counts a request that ended; route is NULL where none was found. */
void prometheus_observe(const struct web_route *route, int status, double seconds);

#endif
