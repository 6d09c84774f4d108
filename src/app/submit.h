/* Writing and submitting batch scripts. Private to simmer submit. Local. */
#ifndef SIMMER_APP_SUBMIT_H
#define SIMMER_APP_SUBMIT_H

#include "plan.h"

/* What a site's profile says (slurm/site.yaml). */
typedef struct {
  const char *partition, *account, *modules;
  int launcher;           /* index of "auto", "srun", "mpirun" */
  int64_t cores_per_node; /* -1 = not said */
  int64_t most_nodes;     /* likewise */
  double most_time_s;     /* likewise */
  int64_t signal_s;
} smr_site;

/* Finds and reads the profile: --site, slurm/site.yaml, the user's own; defaults when there is
 * none. Its strings live as long as *profile, which smr_job_destroy frees. Mistakes are printed. */
smr_status smr_site_read(const smr_cli *cli, smr_site *site, smr_job **profile) SMR_NODISCARD;

/* The batch script: slurm/run.sbatch with this job's settings. `program` is the path of simmer,
 * `folder` the absolute output folder. */
smr_status smr_submit_write_script(const smr_cli *cli, const smr_plan *plan, const smr_site *site,
                                   const char *program, const char *folder,
                                   smr_text *out) SMR_NODISCARD;
/* 'words' in single quotes, as a shell takes them. */
smr_status smr_submit_quote(smr_text *out, const char *words) SMR_NODISCARD;

#endif
