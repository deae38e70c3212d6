/* libFuzzer: any bytes as the name of a model, as a data file's URL and as the Hub's answer. What
 * is taken must be safe to make folders of. */
#include "base/err.h"
#include "base/mem.h"
#include "hub/names.h"
#include "hub/repo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_folder(const struct repo_name *repo)
{
	char *folder = names_folder(repo);

	BUG_ON(strchr(folder, '/') || strstr(folder, "..") || strlen(folder) > NAMES_MAX_SEGMENT);
	BUG_ON(*repo->revision == '/' || *repo->revision == '.' || strstr(repo->revision, "/."));
	free(folder);
}

static void check_path(const char *path)
{
	BUG_ON(*path == '/' || *path == '.' || strstr(path, "/.") || strstr(path, "//"));
	BUG_ON(path[strlen(path) - 1] == '/' || strpbrk(path, "\\\n\r\t\x7f"));
}

static void check_answer(const char *text, size_t size)
{
	struct repo repo;

	if (repo_read(text, size, &repo, NULL) != OK)
		return;
	BUG_ON(!names_is_commit(repo.commit));
	for (int i = 0; i < repo.n; i++)
		BUG_ON(strchr(repo.files[i].name, '/') || *repo.files[i].name == '.' ||
		       repo.files[i].size < -1);
	repo_clear(&repo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup(data, size), *path;
	char *url = mem_printf("hf://datasets/%s", text);
	struct repo_name repo;

	if (names_read_model(text, &repo))
		check_folder(&repo);
	if (names_read_data_url(url, &repo, &path, NULL) == OK) {
		check_folder(&repo);
		check_path(path);
		free(path);
	}
	if (names_check_hosts(text, NULL) == OK)
		names_hosts_hold(text, "a.example.org");
	check_answer(text, size);
	free(url);
	free(text);
	return 0;
}
