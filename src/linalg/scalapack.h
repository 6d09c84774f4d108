/* Prototypes of the ScaLAPACK and BLACS routines that simmer calls: the libraries ship no C header.
 *
 * Integers are 32 bit. Matrices are column-major; desc is the array descriptor of nine integers. */
#ifndef SIMMER_LINALG_SCALAPACK_H
#define SIMMER_LINALG_SCALAPACK_H

#include <mpi.h>

/* BLACS, C interface. */
int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int n_rows, int n_cols);
void Cblacs_gridexit(int context);
void Cdgesd2d(int context, int m, int n, const double *a, int lda, int row, int col);
void Cdgerv2d(int context, int m, int n, double *a, int lda, int row, int col);
void Cdgsum2d(int context, const char *scope, const char *topology, int m, int n, double *a,
              int lda, int row, int col);

/* ScaLAPACK. */
int numroc_(const int *n, const int *nb, const int *process, const int *source, const int *n_procs);
void pdgeqrf_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc,
              double *tau, double *work, const int *lwork, int *info);
void pdgebrd_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc,
              double *d, double *e, double *tauq, double *taup, double *work, const int *lwork,
              int *info);
void pdgesvd_(const char *jobu, const char *jobvt, const int *m, const int *n, double *a,
              const int *ia, const int *ja, const int *desca, double *s, double *u, const int *iu,
              const int *ju, const int *descu, double *vt, const int *ivt, const int *jvt,
              const int *descvt, double *work, const int *lwork, int *info);
void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha,
             const double *a, const int *ia, const int *ja, const int *desca, const double *beta,
             double *c, const int *ic, const int *jc, const int *descc);
void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia,
              const int *ja, const int *desca, double *w, double *z, const int *iz, const int *jz,
              const int *descz, double *work, const int *lwork, int *iwork, const int *liwork,
              int *info);

#endif
