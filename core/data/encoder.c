/* Encoding on several threads: see encoder.h.
 *
 * A ring of batches goes round: the caller's thread fills one, a thread encodes it, and the
 * caller's thread hands its rows on and fills it again. Each batch has one owner at a time; the
 * lock guards who that is. */
#include "data/encoder.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "data/scripts.h"

enum {
	BATCH_ROWS = 256,
	BATCH_BYTES = 64 << 10, /* of texts, after which a batch is full */
	BATCHES_A_THREAD = 4,
};

struct batch_row {
	size_t text, pair; /* where they begin in texts */
	size_t text_len, pair_len;
	bool has_pair;
	size_t ids; /* where they begin in ids */
	struct encoded_row out;
};

struct batch {
	struct buf texts;
	struct batch_row rows[BATCH_ROWS];
	int n;
	int32_t *ids; /* (n_ids) of all rows */
	size_t n_ids, cap_ids;
	enum err failed; /* of the first row that could not be encoded */
	struct errinfo why;
	bool done;
};

struct encoder {
	struct encoder_config config;
	int32_t unknown;
	struct batch *batches; /* (n_batches) */
	int64_t n_batches;
	int64_t n_taken; /* caller's thread only */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	int64_t n_filled, n_claimed; /* batches since the beginning */
	bool stop;
	int n_threads;
	pthread_t threads[ENCODER_MAX_THREADS];
};

/* --- on the threads --- */

/* The two halves of the 128-bit product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void hash_add_word(const uint64_t seed[2], uint64_t h[2], uint64_t w)
{
	h[0] = fold(w ^ seed[0], h[0] ^ 0xd6e8feb86659fd93u);
	h[1] = fold(w ^ seed[1], h[1] ^ 0xa0761d6478bd642fu);
}

static void hash_add_text(const uint64_t seed[2], uint64_t h[2], const char *p, size_t n)
{
	uint64_t w;

	hash_add_word(seed, h, n);
	for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		hash_add_word(seed, h, w);
	}
	w = 0;
	memcpy(&w, p, n);
	hash_add_word(seed, h, w);
}

static int32_t count_id(const struct encoding *enc, int32_t id)
{
	int32_t n = 0;

	for (int i = 0; i < enc->n; i++)
		n += enc->input_ids[i] == id;
	return n;
}

/* The padding of the struct is 0 too, so that equal rows give equal bytes. */
static void note_fact(const struct encoder *e, const struct batch *b, const struct encoding *enc,
		      struct batch_row *r)
{
	const char *text = b->texts.data + r->text;
	struct row_fact *f = &r->out.fact;

	memcpy(f->hash, e->config.seed, sizeof(f->hash));
	hash_add_text(e->config.seed, f->hash, text, r->text_len);
	if (r->has_pair)
		hash_add_text(e->config.seed, f->hash, b->texts.data + r->pair, r->pair_len);
	f->n_untruncated = (int32_t)enc->n_untruncated;
	f->n_tokens = enc->n;
	f->n_unknown = count_id(enc, e->unknown);
	f->script = (uint8_t)script_of_text(text, r->text_len);
	f->empty = r->text_len == 0;
}

static int32_t count_first(const struct encoding *enc)
{
	int32_t n = 0;

	while (n < enc->n && enc->token_type_ids[n] == 0)
		n++;
	return n;
}

static void append_ids(struct batch *b, const struct encoding *enc)
{
	size_t need = b->n_ids + (size_t)enc->n;

	if (need > b->cap_ids) {
		b->cap_ids = need + need / 2;
		b->ids = mem_resize(b->ids, b->cap_ids, sizeof(*b->ids));
	}
	memcpy(b->ids + b->n_ids, enc->input_ids, (size_t)enc->n * sizeof(*b->ids));
	b->n_ids = need;
}

static enum err encode_row(const struct encoder *e, struct batch *b, struct batch_row *r,
			   struct encoding *enc)
{
	struct errinfo why;
	const char *pair = r->has_pair ? b->texts.data + r->pair : NULL;
	enum err err = tokenizer_encode(e->config.tokenizer, b->texts.data + r->text, r->text_len,
					pair, r->pair_len, e->config.max_length, enc, &why);

	if (err != OK)
		return err_set(&b->why, err, "line %" PRId64 ": %s", r->out.fact.line, why.msg);
	r->ids = b->n_ids;
	r->out.length = enc->n;
	r->out.n_first = count_first(enc);
	append_ids(b, enc);
	note_fact(e, b, enc, r);
	return OK;
}

static void encode_batch(const struct encoder *e, struct batch *b, struct encoding *enc)
{
	b->n_ids = 0;
	b->failed = OK;
	for (int i = 0; i < b->n && b->failed == OK; i++)
		b->failed = encode_row(e, b, &b->rows[i], enc);
}

static void *work(void *ctx)
{
	struct encoder *e = ctx;
	struct encoding enc = { 0 };

	pthread_setname_np(pthread_self(), "bertd-encoder");
	pthread_mutex_lock(&e->lock);
	for (;;) {
		while (e->n_claimed == e->n_filled && !e->stop)
			pthread_cond_wait(&e->work, &e->lock);
		if (e->stop)
			break;
		struct batch *b = &e->batches[e->n_claimed++ % e->n_batches];
		pthread_mutex_unlock(&e->lock);
		encode_batch(e, b, &enc);
		pthread_mutex_lock(&e->lock);
		b->done = true;
		pthread_cond_signal(&e->done);
	}
	pthread_mutex_unlock(&e->lock);
	encoding_clear(&enc);
	return NULL;
}

/* --- on the caller's --- */

/* Only the caller's thread adds to n_filled, so it may read it without the lock. */
static struct batch *filling(struct encoder *e)
{
	return &e->batches[e->n_filled % e->n_batches];
}

static void submit(struct encoder *e)
{
	pthread_mutex_lock(&e->lock);
	e->n_filled++;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
}

static enum err hand_on(struct encoder *e, struct batch *b, struct errinfo *ei)
{
	enum err err = OK;

	if (b->failed != OK)
		return err_set(ei, b->failed, "%s", b->why.msg);
	for (int i = 0; i < b->n && err == OK; i++) {
		b->rows[i].out.input_ids = b->ids + b->rows[i].ids;
		err = e->config.take(e->config.ctx, &b->rows[i].out, ei);
	}
	return err;
}

/* Takes the oldest batch that was submitted, and empties it. */
static enum err take_oldest(struct encoder *e, struct errinfo *ei)
{
	struct batch *b = &e->batches[e->n_taken % e->n_batches];

	pthread_mutex_lock(&e->lock);
	while (!b->done)
		pthread_cond_wait(&e->done, &e->lock);
	pthread_mutex_unlock(&e->lock);
	enum err err = hand_on(e, b, ei);
	buf_reset(&b->texts);
	b->n = 0;
	b->done = false;
	e->n_taken++;
	return err;
}

static enum err next_batch(struct encoder *e, struct errinfo *ei)
{
	submit(e);
	return e->n_filled - e->n_taken == e->n_batches ? take_oldest(e, ei) : OK;
}

enum err encoder_add(struct encoder *e, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct batch *b = filling(e);
	struct batch_row *r = &b->rows[b->n++];

	memset(r, 0, sizeof(*r));
	r->out.split = s;
	r->out.place = place;
	r->out.fact.line = x->line;
	r->out.fact.label = x->label;
	r->text = b->texts.len;
	r->text_len = x->text_len;
	buf_append(&b->texts, x->text, x->text_len);
	r->pair = b->texts.len;
	r->has_pair = x->pair != NULL;
	r->pair_len = x->pair_len;
	if (x->pair)
		buf_append(&b->texts, x->pair, x->pair_len);
	return b->n == BATCH_ROWS || b->texts.len >= BATCH_BYTES ? next_batch(e, ei) : OK;
}

enum err encoder_finish(struct encoder *e, struct errinfo *ei)
{
	enum err err = OK;

	if (filling(e)->n > 0)
		submit(e);
	while (err == OK && e->n_taken < e->n_filled)
		err = take_oldest(e, ei);
	return err;
}

struct encoder *encoder_new(const struct encoder_config *c)
{
	struct encoder *e = mem_zalloc(1, sizeof(*e));
	sigset_t all, before;

	BUG_ON(c->threads < 1 || c->threads > ENCODER_MAX_THREADS);
	e->config = *c;
	e->unknown = tokenizer_unknown_id(c->tokenizer);
	e->n_batches = (int64_t)c->threads * BATCHES_A_THREAD;
	e->batches = mem_zalloc((size_t)e->n_batches, sizeof(*e->batches));
	for (int64_t i = 0; i < e->n_batches; i++)
		buf_reserve(&e->batches[i].texts, BATCH_BYTES);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->work, NULL);
	pthread_cond_init(&e->done, NULL);
	/* Signals are the main thread's; the new ones inherit the mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; e->n_threads < c->threads; e->n_threads++)
		BUG_ON(pthread_create(&e->threads[e->n_threads], NULL, work, e) != 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_broadcast(&e->work);
	pthread_mutex_unlock(&e->lock);
	for (int i = 0; i < e->n_threads; i++)
		pthread_join(e->threads[i], NULL);
	for (int64_t i = 0; i < e->n_batches; i++) {
		buf_clear(&e->batches[i].texts);
		free(e->batches[i].ids);
	}
	free(e->batches);
	pthread_cond_destroy(&e->done);
	pthread_cond_destroy(&e->work);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
