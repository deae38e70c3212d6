/* From logits to scores: see serve.h. Pure. */
#include "serve/serve.h"

#include <math.h>

const char *const serve_functions[] = { "softmax", "sigmoid", "none", NULL };

static void softmax(const float *logits, int n, float *out)
{
	float max = logits[0], sum = 0;

	for (int i = 1; i < n; i++)
		max = fmaxf(max, logits[i]);
	for (int i = 0; i < n; i++)
		sum += out[i] = expf(logits[i] - max);
	for (int i = 0; i < n; i++)
		out[i] /= sum;
}

void serve_scores(const float *logits, int n, enum serve_function f, float *out)
{
	switch (f) {
	case SERVE_SOFTMAX:
		softmax(logits, n, out);
		break;
	case SERVE_SIGMOID:
		for (int i = 0; i < n; i++)
			out[i] = 1.0F / (1.0F + expf(-logits[i]));
		break;
	case SERVE_NONE:
		for (int i = 0; i < n; i++)
			out[i] = logits[i];
		break;
	}
}
