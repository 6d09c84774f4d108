/* Parts of the logistic solver. Private to src/regress/logistic*.c and its tests.
 *
 * Letters: n rows, p features, q = p + intercept unknowns, B rows of a block. Unknowns u live in
 * scaled columns: u_j = w_j d_j for feature j < p, and u_p is the constant of the centred columns.
 * The penalty is lambda/2 sum c_j u_j^2, c_j = 1/d_j^2 (1 when standardized), c_p = 0. */
#ifndef SIMMER_REGRESS_LOGISTIC_PRIVATE_H
#define SIMMER_REGRESS_LOGISTIC_PRIVATE_H

#include "simmer/regress/logistic.h"

/* Columns of a block lie BLOCK_LD apart: a power of two would make them compete for the cache. */
enum { SMR_LOGISTIC_BLOCK = 256, SMR_LOGISTIC_LD = SMR_LOGISTIC_BLOCK + 8 };

struct smr_logistic {
  const smr_context *context;
  smr_logistic_config config;
  bool is_newton;
  bool is_one_class, is_positive; /* all labels are alike, and +1 */
  int64_t n, p, q;
  int64_t n_blocks, first_block, n_local; /* this rank's blocks */
  double *x; /* [n_local][LD x q] scaled rows, the last column ones with an intercept */
  /* Rows that a probe for quasi-separation holds: their loss is stiffness/2 eta^2. NULL outside
   * one, else held_rows [n_local][B]. */
  const bool *held;
  bool *held_rows;
  double *y, *eta, *z;  /* [n_local][B] labels, x u, and x times the direction */
  double *mean, *scale; /* [p]; scale 0 marks a constant column */
  double *weight;       /* [q] c */
  int n_threads;
  double **work; /* per thread [LD x q], Newton's method only */
  /* On every rank, the same: */
  double *u, *direction, *gradient; /* [q] */
  double *sums;                     /* value of a pass over all rows */
  double *rung_u;                   /* [q] solution at 10^rung */
  int rung, top;                    /* exponents; rung = top + 1: none is solved */
  int64_t rung_iterations;
};

/* Reads, checks, centres and scales the rows. Collective. */
smr_status smr_logistic_read_rows(smr_logistic *problem,
                                  const smr_row_source *source) SMR_NODISCARD;

/* --- passes over the rows (logistic_pass.c), all collective --- */

/* Where the rows stand at u + t direction. */
typedef struct {
  double loss, slope;        /* sum of log-losses, and its derivative by t */
  double n_right;            /* rows on the right side */
  double min_margin;         /* smallest y eta */
  double max_eta;            /* largest |eta| */
  double max_held;           /* largest |eta| of a row that is held; such rows have no margin */
  double min_rise, max_rise; /* smallest and largest y z */
} smr_logistic_line;
/* is_new: the direction has changed since the last call. */
smr_status smr_logistic_look(smr_logistic *problem, double t, bool is_new,
                             smr_logistic_line *line) SMR_NODISCARD;

/* Loss term only, without the penalty. */
typedef struct {
  double *gradient; /* [q] in the problem's sums */
  double size;      /* sum of |dloss_i| */
  double curvature; /* sum of the second derivatives */
  double loss;
  double *hessian; /* [q x q] upper triangle, Newton's method only */
} smr_logistic_slope;
/* is_fresh: eta = x u first; else eta += t z. */
smr_status smr_logistic_differentiate(smr_logistic *problem, bool is_fresh, double t,
                                      smr_logistic_slope *slope) SMR_NODISCARD;
/* Marks the rows that the last direction has left in place, |z| <= 0.1, as held for problem->held;
 * those with y eta > margin are gone anyway. is_more: beside those that are held already. Local. */
void smr_logistic_hold(smr_logistic *problem, double margin, bool is_more);
int64_t smr_logistic_count_sums(const smr_logistic *problem);

/* --- directions (logistic_direction.c) --- */

/* L-BFGS's memory of the last pairs of steps and changes of the gradient. */
enum { SMR_LOGISTIC_PAIRS = 20 };
typedef struct {
  int64_t q, n, at;                  /* pairs kept, place of the next */
  double *steps, *changes, *inverse; /* [PAIRS][q], [PAIRS][q], [PAIRS] 1 / (step . change) */
  double *previous;                  /* [q] gradient before the step */
} smr_logistic_memory;
smr_status smr_logistic_memory_create(int64_t q, smr_logistic_memory *memory) SMR_NODISCARD;
void smr_logistic_memory_clear(smr_logistic_memory *memory);
/* After a step t along the direction: keeps it with the change of the gradient. */
void smr_logistic_memory_add(smr_logistic_memory *memory, const smr_logistic *problem, double t);

/* Descent directions at the point of `slope`, into problem->direction. problem->gradient is that of
 * loss and penalty. newton: collective. */
smr_status smr_logistic_newton(smr_logistic *problem, double lambda,
                               const smr_logistic_slope *slope) SMR_NODISCARD;
void smr_logistic_lbfgs(smr_logistic *problem, double lambda, const smr_logistic_slope *slope,
                        smr_logistic_memory *memory);

/* --- descent (logistic_descent.c) --- */

/* Minimises at lambda from problem->u. Collective. */
smr_status smr_logistic_descend(smr_logistic *problem, double lambda,
                                smr_logistic_fit *fit) SMR_NODISCARD;

#endif
