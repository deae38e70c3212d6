/* The Parquet reader: see parquet.h. Arrow's exceptions end in guard(). */
#include "data/parquet_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>

extern "C" {
#include "data/parquet.h"

#include "base/json.h"
#include "base/mem.h"
#include "data/class_names.h"
#include "data/dataset.h"
#include "data/faults.h"
#include "data/parquet_footer.h"
#include "text/unicode.h"
}

using namespace parquet_impl;

#define MAX_HUB_METADATA ((size_t)1 << 20) /* bytes of JSON; longer is not looked at */

struct wanted_column {
	const char *name;
	int index = -1; /* at top level */
	std::unique_ptr<column> values;
	struct class_names classes = {};
};

struct parquet_file {
	const struct dataset_limits *limits;
	page_source source; /* outlives the columns */
	std::shared_ptr<parquet::FileMetaData> metadata;
	std::vector<char *> columns; /* at top level */
	std::vector<wanted_column> wanted;
	budget texts; /* bytes that are given out */
	int64_t n_rows = 0, row = 0;
	int group = -1;		  /* the open row group */
	int64_t left = 0;	  /* its rows to come */
	const char *at = nullptr; /* the wanted column that is worked on, for messages */
	bool opened = false, over = false;

	parquet_file(int fd, const struct dataset_limits *limits_)
	    : limits(limits_),
	      source(fd, limits->max_bytes), texts{ limits->max_bytes, limits->max_bytes }
	{
	}

	~parquet_file()
	{
		for (char *name : columns)
			free(name);
		for (wanted_column &w : wanted)
			class_names_clear(&w.classes);
	}
};

/* --- errors --- */

[[noreturn]] void parquet_impl::fail(enum err code, const char *fmt, ...)
{
	fault f = { code, {} };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.words.msg, sizeof(f.words.msg), fmt, ap);
	va_end(ap);
	throw f;
}

static std::string quoted(const std::string &text)
{
	struct excerpt x;

	return excerpt_of(text.data(), text.size(), &x);
}

/* What a message is about. */
static std::string subject(const struct parquet_file *p)
{
	if (!p->at)
		return "the Parquet file";
	if (!p->opened)
		return "the column " + quoted(p->at);
	return "row " + std::to_string(p->row + 1) + ": " + quoted(p->at);
}

/* What an exception of Arrow is by a part of its message, where it has no type of its own. */
static const struct {
	const char *part, *words;
} not_read[] = {
	{ "Not yet implemented", "is in a form that is not read" },
	{ "NotImplemented", "is in a form that is not read" },
	{ "decrypt", "is encrypted" },
};

static enum err library_fault(const struct parquet_file *p, const char *what, struct errinfo *ei)
{
	std::string about = subject(p);

	if (p->source.failed) {
		errno = p->source.failed;
		err_errno(ei, "reading the file failed");
		return ERR_IO;
	}
	if (p->source.pool.refused)
		return err_set(ei, ERR_TOO_LARGE, "%s needs more than %lld bytes of memory at once",
			       about.c_str(), static_cast<long long>(p->source.pool.limit));
	for (auto &n : not_read)
		if (strstr(what, n.part))
			return err_set(ei, ERR_UNSUPPORTED, "%s %s", about.c_str(), n.words);
	return err_set(ei, ERR_SYNTAX, "%s is damaged: %s", about.c_str(), quoted(what).c_str());
}

template <class F> static enum err guard(struct parquet_file *p, struct errinfo *ei, F &&f) noexcept
{
	try {
		f();
		return OK;
	} catch (const fault &x) {
		return err_set(ei, x.code, "%s %s", subject(p).c_str(), x.words.msg);
	} catch (const std::bad_alloc &) {
		return err_set(ei, ERR_TOO_LARGE, "%s needs too much memory", subject(p).c_str());
	} catch (const std::exception &x) {
		return library_fault(p, x.what(), ei);
	} catch (...) {
		return library_fault(p, "unknown C++ exception", ei);
	}
}

/* --- opening --- */

static void read_columns(struct parquet_file *p)
{
	const parquet::schema::GroupNode *root = p->metadata->schema()->group_node();

	if (root->field_count() > PARQUET_MAX_COLUMNS)
		fail(ERR_TOO_LARGE, "has more than %d columns", PARQUET_MAX_COLUMNS);
	for (int i = 0; i < root->field_count(); i++) {
		const std::string &name = root->field(i)->name();
		if (utf8_valid_length(name.data(), name.size()) != name.size() ||
		    memchr(name.data(), 0, name.size()))
			fail(ERR_SYNTAX, "has a column whose name is no text: number %d", i + 1);
		p->columns.push_back(mem_strdup(name.c_str()));
	}
}

static void find_column(struct parquet_file *p, wanted_column *w)
{
	const parquet::SchemaDescriptor *schema = p->metadata->schema();

	for (size_t i = 0; i < p->columns.size(); i++) {
		if (strcmp(p->columns[i], w->name) != 0)
			continue;
		if (w->index >= 0)
			fail(ERR_SYNTAX, "is there twice");
		w->index = static_cast<int>(i);
	}
	if (w->index < 0)
		return;
	const parquet::schema::Node &node = *schema->group_node()->field(w->index);
	if (node.is_primitive() && !node.is_repeated()) {
		int leaf = schema->ColumnIndex(node);
		w->values = make_column(schema->Column(leaf), leaf);
	}
	if (!w->values)
		fail(ERR_UNSUPPORTED, "is %s, which is not read", type_words(node));
}

/* What the footer says of a wanted column's part in a row group. Returns its decompressed size. */
static int64_t check_chunk(const struct parquet_file *p, const parquet::RowGroupMetaData &group,
			   int leaf)
{
	auto chunk = group.ColumnChunk(leaf);

	if (chunk->crypto_metadata())
		fail(ERR_UNSUPPORTED, "is encrypted");
	if (!chunk->file_path().empty())
		fail(ERR_UNSUPPORTED, "lies in another file");
	if (!chunk->can_decompress())
		fail(ERR_UNSUPPORTED, "is compressed with %s, which is not read",
		     arrow::util::Codec::GetCodecAsString(chunk->compression()).c_str());
	if (chunk->num_values() != group.num_rows())
		fail(ERR_SYNTAX, "has not as many values as rows");
	int64_t start = chunk_start(*chunk), size = chunk->total_compressed_size();
	if (start < 0 || size < 0 || start > p->source.size || size > p->source.size - start)
		fail(ERR_SYNTAX, "lies outside the file");
	if (chunk->total_uncompressed_size() < 0)
		fail(ERR_SYNTAX, "has a negative size");
	return chunk->total_uncompressed_size();
}

static void check_groups(struct parquet_file *p)
{
	budget declared = p->source.bytes;
	int64_t rows = 0;

	p->n_rows = p->metadata->num_rows();
	if (p->n_rows > p->limits->max_rows)
		fail(ERR_TOO_LARGE, "has more than %lld rows",
		     static_cast<long long>(p->limits->max_rows));
	for (int i = 0; i < p->metadata->num_row_groups(); i++) {
		auto group = p->metadata->RowGroup(i);
		if (group->num_rows() < 0 || group->num_rows() > p->n_rows - rows)
			fail(ERR_SYNTAX,
			     "is damaged: its row groups have not the rows of the file");
		rows += group->num_rows();
		for (wanted_column &w : p->wanted) {
			if (!w.values)
				continue;
			p->at = w.name;
			declared.take(check_chunk(p, *group, w.values->leaf));
			p->at = nullptr;
		}
	}
	if (rows != p->n_rows)
		fail(ERR_SYNTAX, "is damaged: its row groups have not the rows of the file");
}

/* The names that the Hub's library left; what is not its JSON is not ours to judge. */
static void read_class_names(struct parquet_file *p)
{
	auto pairs = p->metadata->key_value_metadata();
	int i = pairs ? pairs->FindKey("huggingface") : -1;
	struct errinfo ei;
	json_t *json = nullptr;

	if (i < 0 || pairs->value(i).size() > MAX_HUB_METADATA ||
	    json_parse(pairs->value(i).data(), pairs->value(i).size(), &json, &ei) != OK)
		return;
	enum err e = OK;
	for (wanted_column &w : p->wanted) {
		if (e != OK || !w.values)
			continue;
		p->at = w.name;
		e = class_names_read(json, w.name, p->limits->max_labels, &w.classes, &ei);
	}
	json_decref(json);
	if (e != OK)
		throw fault{ e, ei };
	p->at = nullptr;
}

static void read_footer(struct parquet_file *p, const struct buf *footer)
{
	p->metadata = parquet::FileMetaData::Make(footer->data, static_cast<int64_t>(footer->len),
						  p->source.properties);
	read_columns(p);
	for (wanted_column &w : p->wanted) {
		p->at = w.name;
		find_column(p, &w);
	}
	p->at = nullptr;
	check_groups(p);
	read_class_names(p);
}

enum err parquet_open(int fd, const char *const *wanted, int n_wanted,
		      const struct dataset_limits *limits, struct parquet_file **out,
		      struct errinfo *ei)
{
	auto p = std::make_unique<parquet_file>(fd, limits);
	struct buf footer = {};

	for (int i = 0; i < n_wanted; i++)
		p->wanted.push_back({ .name = wanted[i] });
	enum err e = parquet_footer_read(fd, limits->max_bytes, &footer, &p->source.size, ei);
	if (e == OK)
		e = guard(p.get(), ei, [&] { read_footer(p.get(), &footer); });
	buf_clear(&footer);
	p->opened = true;
	if (e == OK)
		*out = p.release();
	return e;
}

void parquet_close(struct parquet_file *p)
{
	delete p;
}

/* --- reading --- */

static void start_group(struct parquet_file *p)
{
	auto group = p->metadata->RowGroup(++p->group);

	p->left = group->num_rows();
	for (wanted_column &w : p->wanted) {
		if (!w.values || p->left == 0)
			continue;
		p->at = w.name;
		w.values->start(open_pages(&p->source, *group->ColumnChunk(w.values->leaf),
					   *w.values->descr, p->metadata->writer_version()),
				&p->source.pool);
	}
}

static void read_row(struct parquet_file *p, struct cell *cells)
{
	while (p->left == 0)
		start_group(p);
	for (size_t i = 0; i < p->wanted.size(); i++) {
		wanted_column &w = p->wanted[i];
		cells[i] = { nullptr, 0, CELL_MISSING };
		if (!w.values)
			continue;
		p->at = w.name;
		w.values->next(p->limits->max_field, &cells[i]);
		p->texts.take(cells[i].len);
	}
	p->left--;
	p->row++;
}

enum err parquet_next(struct parquet_file *p, struct cell *cells, bool *end, struct errinfo *ei)
{
	BUG_ON(p->over);
	*end = p->row == p->n_rows;
	if (*end)
		return OK;
	enum err e = guard(p, ei, [&] { read_row(p, cells); });
	p->over = e != OK;
	return e;
}

int parquet_n_columns(const struct parquet_file *p)
{
	return static_cast<int>(p->columns.size());
}

char *const *parquet_columns(const struct parquet_file *p)
{
	return p->columns.data();
}

int parquet_column_of(const struct parquet_file *p, int wanted)
{
	return p->wanted[static_cast<size_t>(wanted)].index;
}

int64_t parquet_n_rows(const struct parquet_file *p)
{
	return p->n_rows;
}

int parquet_class_names(const struct parquet_file *p, int wanted, char *const **names)
{
	const struct class_names &c = p->wanted[static_cast<size_t>(wanted)].classes;

	*names = c.names;
	return c.n;
}
