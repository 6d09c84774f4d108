/* simmer data: writes generated images to a file, in parallel. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "rbm.h"
#include "simmer/base/clock.h"
#include "simmer/base/log.h"

static const char *const generators[] = {"digits", "infimnist", "ising", "bars-and-stripes"};

static smr_status check_kind(const char *kind) {
  for (size_t i = 0; i < sizeof generators / sizeof generators[0]; ++i) {
    if (strcmp(kind, generators[i]) == 0) {
      return SMR_OK;
    }
  }
  SMR_FAIL(SMR_ERR_USAGE,
           "data: nothing generates '%s'; there are digits, infimnist, ising and bars-and-stripes",
           kind);
}

/* "A:B": images A to B-1. */
static smr_status parse_range(const char *text, int64_t *first, int64_t *count) {
  char *middle = NULL, *end = NULL;
  long long a = text != NULL ? strtoll(text, &middle, 10) : -1;
  long long b = a >= 0 && *middle == ':' ? strtoll(middle + 1, &end, 10) : -1;
  if (a < 0 || b <= a || *end != '\0' || b > 1000000000000000) {
    SMR_FAIL(SMR_ERR_USAGE,
             "data: --range takes FIRST:END, 0 <= FIRST < END, such as 10000:70000%s%s%s",
             text != NULL ? ", not '" : "", text != NULL ? text : "", text != NULL ? "'" : "");
  }
  *first = a;
  *count = b - a;
  return SMR_OK;
}

/* The keys data.* are those of an RBM's job. */
static smr_status configure(const smr_cli *cli, int is_speaking, int64_t end, smr_cli_job *job,
                            smr_rbm_job *config) {
  char text[256];
  smr_common_config common;
  snprintf(text, sizeof text, "name: data\nexperiment: rbm\nrbm: {hidden: 1}\ndata: {source: %s}\n",
           cli->argument[0]);
  SMR_TRY(smr_cli_parse_job(cli, text, is_speaking, job));
  if (smr_job_count_cells(job->job) > 1) {
    SMR_FAIL(SMR_ERR_USAGE, "data: one set of images at a time; a sweep can't be written");
  }
  smr_job_configure(job->job, 0, &common, config);
  *config = smr_rbm_configure(&common, config);
  if (strcmp(generators[config->data.source == SMR_IMAGES_INFIMNIST ? 1
                        : config->data.source == SMR_IMAGES_ISING   ? 2
                        : config->data.source == SMR_IMAGES_BARS    ? 3
                                                                    : 0],
             cli->argument[0]) != 0) {
    SMR_FAIL(SMR_ERR_USAGE, "data: the kind of images is named once, not by data.source, too");
  }
  config->data.holdout = 0;
  if (config->data.source == SMR_IMAGES_ISING) {
    config->data.count = end;
    config->data.test_count = 0;
  }
  return SMR_OK;
}

static smr_status check(const smr_cli *cli, int64_t *first, int64_t *count) {
  SMR_TRY(check_kind(cli->argument[0]));
  if (cli->output == NULL) {
    SMR_FAIL(SMR_ERR_USAGE, "data: -o FILE is missing: the file to write");
  }
  struct stat found;
  if (stat(cli->output, &found) == 0 && !S_ISREG(found.st_mode)) {
    SMR_FAIL(SMR_ERR_USAGE, "data: %s is there and is no regular file", cli->output);
  }
  return parse_range(cli->range, first, count);
}

smr_status smr_command_data(const smr_cli *cli, const smr_context *world) {
  smr_cli_job job = {0};
  smr_rbm_job config;
  smr_images *images = NULL;
  int64_t first = 0, count = 0;
  const double start = smr_clock_monotonic_s();
  smr_status status = check(cli, &first, &count);
  if (status == SMR_OK) {
    status = configure(cli, world->rank == 0, first + count, &job, &config);
  }
  SMR_TRY_DONE(smr_agree(world, status));
  SMR_TRY_DONE(smr_images_open(world, &config.data, job.data_folder, &images));
  SMR_TRY_DONE(smr_images_write(world, images, first, count, cli->output));
  char elapsed[32];
  smr_clock_format_duration(smr_clock_monotonic_s() - start, elapsed, sizeof elapsed);
  smr_log_info("%s: images %" PRId64 " to %" PRId64 " of %s, in %s", cli->output, first,
               first + count - 1, cli->argument[0], elapsed);
done:
  smr_images_close(&images);
  smr_cli_clear_job(&job);
  return status;
}
