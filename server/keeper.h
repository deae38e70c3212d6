/* The thread that keeps the house: retention (jobs/prune.h), and parts of uploads that were given
 * up (jobs/uploads.h).
 *
 * It looks once a second whether a job has ended or the configuration was replaced, and works then,
 * at the start and once an hour. So nobody has to tell it, and no HTTP thread, nor the worker,
 * waits for files to be removed. */
#ifndef BERTD_SERVER_KEEPER_H
#define BERTD_SERVER_KEEPER_H

#include "base/err.h"

struct app;
struct keeper;

/* After everything in app is there but http. ERR_IO. */
enum err keeper_start(struct app *app, struct keeper **out, struct errinfo *ei) MUST_USE;
/* Waits for what is under way, then frees. Before serving stops. NULL is fine. */
void keeper_stop(struct keeper *k);

#endif
