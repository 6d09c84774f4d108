/* Status codes and the message that goes with a failure.
 *
 * Every function that can fail returns smr_status. The message of the last failure on this thread
 * is kept beside the log; a caller that goes on after a failure clears it. Headers say for each
 * function whether it is local (may differ per rank), collective (same code on every rank, always)
 * or fatal. */
#ifndef SIMMER_BASE_ERROR_H
#define SIMMER_BASE_ERROR_H

#include <stdarg.h>

/* X(name, exit code of the program, short text). */
#define SMR_STATUS_LIST(X)                                                  \
  X(SMR_OK, 0, "no error")                                                  \
  X(SMR_ERR_USAGE, 2, "bad usage of the command line")                      \
  X(SMR_ERR_JOB, 2, "a mistake in the job file")                            \
  X(SMR_ERR_INPUT, 1, "bad input data")                                     \
  X(SMR_ERR_MISSING, 1, "an input file that is not there")                  \
  X(SMR_ERR_IO, 1, "reading or writing failed")                             \
  X(SMR_ERR_FULL, 1, "no space left")                                       \
  X(SMR_ERR_MEMORY, 1, "not enough memory")                                 \
  X(SMR_ERR_LIMIT, 1, "too large for this machine or a library's integers") \
  X(SMR_ERR_NUMERIC, 1, "not a finite number")                              \
  X(SMR_ERR_CONVERGENCE, 1, "no convergence")                               \
  X(SMR_ERR_CORRUPT, 1, "a damaged file")                                   \
  X(SMR_ERR_MPI, 1, "an MPI call failed")                                   \
  X(SMR_ERR_INTERNAL, 1, "an error in simmer itself")                       \
  X(SMR_PARTIAL, 3, "done, but some units failed")                          \
  X(SMR_STOPPED, 75, "stopped in time with everything saved; run again to go on")

#define SMR_STATUS_ENUM(name, exit_code, text) name,
typedef enum { SMR_STATUS_LIST(SMR_STATUS_ENUM) SMR_STATUS_COUNT } smr_status;
#undef SMR_STATUS_ENUM

#define SMR_NODISCARD __attribute__((warn_unused_result))
#define SMR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Text and program exit code of a status. Local. */
const char *smr_status_text(smr_status status);
int smr_status_exit_code(smr_status status);

/* Sets this thread's message and returns `status`. Local. */
smr_status smr_error_set(smr_status status, const char *format, ...) SMR_PRINTF(2, 3);
/* Puts "prefix: " in front of the message (context from a caller), returns `status`. Local. */
smr_status smr_error_prefix(smr_status status, const char *format, ...) SMR_PRINTF(2, 3);
/* The message of the last failure on this thread, "" if none; valid until the next set. Local. */
const char *smr_error_message(void);
void smr_error_clear(void);

/* Return with a failure and its message. */
#define SMR_FAIL(status, ...) return smr_error_set((status), __VA_ARGS__)
/* Pass a failure on: return it (the function owns nothing), or go to `done:` with it in `status`.
 */
#define SMR_TRY(call)                   \
  do {                                  \
    const smr_status smr_try_ = (call); \
    if (smr_try_ != SMR_OK) {           \
      return smr_try_;                  \
    }                                   \
  } while (0)
#define SMR_TRY_DONE(call)  \
  do {                      \
    status = (call);        \
    if (status != SMR_OK) { \
      goto done;            \
    }                       \
  } while (0)
/* Sets `status` and the message and goes to `done:`. */
#define SMR_FAIL_DONE(code, ...)                 \
  do {                                           \
    status = smr_error_set((code), __VA_ARGS__); \
    goto done;                                   \
  } while (0)

#endif
