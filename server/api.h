/* The handlers of the routes, one api_*.c per resource. Each maps a request to a response (web.h)
 * and never blocks on training or inference; which thread it runs on stands in routes.c. */
#ifndef BERTD_SERVER_API_H
#define BERTD_SERVER_API_H

#include "web.h"

/* api_jobs.c */
web_handler jobs_create, jobs_list, jobs_get, jobs_cancel, jobs_delete, jobs_checkpoints;
/* api_metrics.c: the record stream of one job */
web_handler jobs_metrics;
/* api_datasets.c */
web_handler datasets_list, datasets_get, datasets_delete;
/* api_uploads.c */
web_handler datasets_create, datasets_put;
web_opener datasets_open, datasets_open_part;
/* api_classify.c */
web_handler classify_create;
/* api_tokenize.c */
web_handler tokenize_create;
/* api_models.c */
web_handler models_list, models_get, models_delete;
/* api_import.c: a model from a tar archive, or one that is there by its name */
web_handler models_create;
/* api_evaluate.c: a model on a labelled data set */
web_handler models_evaluate;
/* api_export.c: a model as a tar archive */
web_handler models_export;
/* api_health.c */
web_handler livez_get, readyz_get, openapi_get, root_get;
/* prometheus.c */
web_handler metrics_get;

#endif
