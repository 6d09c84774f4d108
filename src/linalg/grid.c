/* Start of the layer, versions, and the BLACS process grid of a group of ranks. */
#include "simmer/linalg/grid.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "grid_private.h"
#include "scalapack.h"
#include "simmer/base/memory.h"

/* The library that ScaLAPACK's dgemm_ resolves to is not the one we link to when the system's
 * libblas.so.3 comes first: look at who really answers. */
static int is_blas_openblas(void) {
  void *symbol = dlsym(RTLD_DEFAULT, "dgemm_");
  Dl_info info;
  if (symbol == NULL || dladdr(symbol, &info) == 0 || info.dli_fname == NULL) {
    return 1; /* a static program: there is only the BLAS that we link */
  }
  if (strstr(info.dli_fname, "openblas") != NULL) {
    return 1;
  }
  void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) {
    return 1;
  }
  int found = dlsym(library, "openblas_get_config") != NULL;
  dlclose(library);
  return found;
}

void smr_linalg_start(const char **warning) {
  openblas_set_num_threads(1);
  if (warning != NULL) {
    *warning = is_blas_openblas()
                   ? NULL
                   : "ScaLAPACK uses a BLAS that is not OpenBLAS and is probably slow. Choose "
                     "OpenBLAS with: update-alternatives --config libblas.so.3-x86_64-linux-gnu.";
  }
}

const char *smr_linalg_version(void) {
  return openblas_get_config();
}

const char *smr_linalg_core_type(void) {
  return openblas_get_corename();
}

void smr_grid_shape(int n_ranks, int *n_rows, int *n_cols) {
  int rows = 1;
  for (int r = 1; (int64_t)r * r <= n_ranks; r++) {
    if (n_ranks % r == 0) {
      rows = r;
    }
  }
  *n_rows = rows;
  *n_cols = n_ranks / rows;
}

smr_status smr_grid_create(const smr_context *context, smr_grid **out) {
  smr_grid *grid = NULL;
  *out = NULL;
  SMR_TRY(smr_linalg_agree(context, smr_memory_alloc(1, sizeof *grid, "process grid", &grid)));
  grid->context = context;
  grid->blacs = -1;
  smr_grid_shape(context->size, &grid->n_rows, &grid->n_cols);
  grid->row = context->rank / grid->n_cols;
  grid->col = context->rank % grid->n_cols;
  if (context->size > 1) {
    grid->handle = Csys2blacs_handle(context->comm);
    grid->blacs = grid->handle;
    Cblacs_gridinit(&grid->blacs, "Row-major", grid->n_rows, grid->n_cols);
  }
  *out = grid;
  return SMR_OK;
}

void smr_grid_destroy(smr_grid **grid) {
  if (grid == NULL || *grid == NULL) {
    return;
  }
  if ((*grid)->blacs >= 0) {
    Cblacs_gridexit((*grid)->blacs);
    Cfree_blacs_system_handle((*grid)->handle);
  }
  smr_memory_free(*grid);
  *grid = NULL;
}

const smr_context *smr_grid_get_context(const smr_grid *grid) {
  return grid->context;
}

smr_status smr_linalg_agree(const smr_context *context, smr_status status) {
  return context->size == 1 ? status : smr_agree(context, status);
}
