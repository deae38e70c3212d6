/* One file of a data set: which of its rows are taken, and as which class. For dataset.c; one
 * thread. */
#ifndef BERTD_DATA_SURVEY_H
#define BERTD_DATA_SURVEY_H

#include <sys/stat.h>

#include "base/spool.h"
#include "data/arena.h"
#include "data/dataset.h"
#include "data/labels.h"
#include "data/textset.h"

/* The wanted columns of every file. */
enum { SURVEY_LABEL, SURVEY_TEXT, SURVEY_PAIR };

struct survey {
	enum split split;
	const struct dataset_spec *spec;
	const struct dataset_limits *limits;
	int fd; /* -1: the split is not given */
	struct stat stat;
	char pointer[FIELDS_POINTER_SIZE];
	const char *wanted[3];
	int n_wanted;
	int64_t n_rows; /* those that are well-formed */
	bool chosen; /* its rows are known: it has the columns, and the rows that are asked for */

	/* The labels. A value is a spelling of one. */
	struct spool values;   /* int32_t (n_rows): number of the row's value; -1: none of them */
	struct textset known;  /* the values */
	enum cell_kind *kinds; /* (known.n) */
	int32_t *classes;      /* (known.n) -1: a fault. Before there is a map 0: a label */
	struct label_census census;
	char **class_names; /* (n_class_names) the file's own */
	int n_class_names;
	struct arena *texts; /* of the values and class names */

	/* The rows that are taken: [first, first + n) in the order of the file, or: */
	int64_t first, n;
	struct spool places; /* uint32_t (n_rows): 1 + the row's place, 0: not taken; else closed */
	int64_t n_validation; /* of the places so many, the first ones, are those of validation */
};

void survey_init(struct survey *s, enum split split, const struct dataset_spec *spec,
		 const struct dataset_limits *limits);
void survey_clear(struct survey *s);

/* Reads s->fd through once, chooses the rows and judges the labels. Faults of the file, its columns
 * and the choice go to rf. ERR_IO, ERR_DISK_FULL. */
enum err survey_run(struct survey *s, const char *scratch, struct row_faults *rf,
		    struct errinfo *ei) MUST_USE;

/* Whether the row is taken, by which split and at which place. */
bool survey_takes(const struct survey *s, int64_t row, enum split *split, int64_t *place);

/* Calls fn for every row that is taken, in the order of the file, with all wanted cells. *changed:
 * the file is not what the survey saw. */
typedef enum err survey_taker(void *ctx, enum split split, int64_t place, const struct row *row,
			      struct errinfo *ei);
enum err survey_each(struct survey *s, survey_taker *fn, void *ctx, bool *changed,
		     struct errinfo *ei) MUST_USE;

/* --- survey_labels.c --- */

/* Notes the label of the next row of the survey. ERR_IO, ERR_DISK_FULL. */
enum err survey_note_label(struct survey *s, const struct cell *cell, struct errinfo *ei) MUST_USE;
/* Copies the class names that the file declares. What is wrong with them goes to rf. */
void survey_note_class_names(struct survey *s, const struct rows *rows, struct row_faults *rf);
/* After the survey: which values are labels. */
void survey_judge_values(struct survey *s);

/* The label that a cell of the file spells, or a fault for that line. */
bool survey_label(const struct survey *s, const struct cell *cell, int64_t line, struct label *out,
		  struct row_faults *rf);
/* Finds the class of every value. */
void survey_classify(struct survey *s, const struct label_map *map);
/* Makes the map from the labels of the rows that are taken, and classifies; or faults the labels as
 * a whole. survey_labels_are_good() holds. */
void survey_make_map(struct survey *s, struct label_map *map, struct row_faults *rf);
/* Whether every row that is taken has a label; after survey_classify(), a class. */
bool survey_labels_are_good(const struct survey *s);
/* The class of a row. */
static inline int32_t survey_class(const struct survey *s, int64_t row)
{
	int32_t value = ((const int32_t *)s->values.data)[row];

	return value < 0 ? -1 : s->classes[value];
}

#endif
