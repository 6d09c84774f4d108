/* Contexts, agreement on errors, and broadcasts. The one file that knows MPI_COMM_WORLD. */
#include "simmer/comm/context.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/base/text.h"

enum { MESSAGE_BYTES = 2048 };

/* Takes the communicator over, and frees it on failure. Collective on comm. */
static smr_status create_context(MPI_Comm comm, int world_rank, int world_size, smr_context **out) {
  smr_context context = {.comm = comm, .world_rank = world_rank, .world_size = world_size};
  MPI_Comm_rank(comm, &context.rank);
  MPI_Comm_size(comm, &context.size);
  *out = NULL;
  smr_status status = smr_memory_alloc(1, sizeof **out, "a context", out);
  status = smr_agree(&context, status);
  if (status != SMR_OK) {
    smr_memory_free(*out);
    *out = NULL;
    MPI_Comm_free(&comm);
    return status;
  }
  **out = context;
  return SMR_OK;
}

smr_status smr_context_start(int *argc, char ***argv, smr_context **world) {
  int provided = 0;
  *world = NULL;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    SMR_FAIL(SMR_ERR_MPI, "MPI_Init_thread failed");
  }
  if (provided < MPI_THREAD_FUNNELED) {
    SMR_FAIL(SMR_ERR_MPI, "this MPI library doesn't allow threads (MPI_THREAD_FUNNELED)");
  }
  /* A communicator of our own: no message of ours meets one of a library. */
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0;
  int size = 1;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  smr_fault_set_rank(rank);
  if (rank != 0) {
    smr_log_set_level(SMR_LOG_SILENT);
  }
  return create_context(comm, rank, size, world);
}

void smr_context_finish(smr_context **world) {
  int is_started = 0;
  int is_finished = 0;
  smr_context_destroy(world);
  MPI_Initialized(&is_started);
  MPI_Finalized(&is_finished);
  if (is_started && !is_finished) {
    MPI_Finalize();
  }
}

void smr_context_abort(const smr_context *context, smr_status status) {
  int code = smr_status_exit_code(status);
  /* The rank that finds the broken invariant speaks, whichever it is. */
  smr_log_set_level(SMR_LOG_ERROR);
  smr_log_error("rank %d: %s (%s)", context != NULL ? context->world_rank : 0, smr_error_message(),
                smr_status_text(status));
  MPI_Abort(MPI_COMM_WORLD, code != 0 ? code : 1);
  _Exit(code != 0 ? code : 1);
}

smr_status smr_context_split(const smr_context *parent, int group_size, smr_context **group,
                             int *group_index) {
  *group = NULL;
  *group_index = -1;
  if (group_size < 1 || group_size > parent->size) {
    SMR_FAIL(SMR_ERR_USAGE, "cannot make groups of %d ranks out of %d", group_size, parent->size);
  }
  int index = parent->rank / group_size;
  int is_member = index < parent->size / group_size;
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_split(parent->comm, is_member ? index : MPI_UNDEFINED, parent->rank, &comm);
  smr_status status = SMR_OK;
  if (is_member) {
    status = create_context(comm, parent->world_rank, parent->world_size, group);
  }
  status = smr_agree(parent, status);
  if (status != SMR_OK) {
    smr_context_destroy(group);
  } else if (is_member) {
    *group_index = index;
  }
  return status;
}

smr_status smr_context_split_node(const smr_context *parent, smr_context **node) {
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_split_type(parent->comm, MPI_COMM_TYPE_SHARED, parent->rank, MPI_INFO_NULL, &comm);
  smr_status status = create_context(comm, parent->world_rank, parent->world_size, node);
  status = smr_agree(parent, status);
  if (status != SMR_OK) {
    smr_context_destroy(node);
  }
  return status;
}

void smr_context_destroy(smr_context **context) {
  if (*context != NULL) {
    MPI_Comm_free(&(*context)->comm);
    smr_memory_free(*context);
    *context = NULL;
  }
}

/* Is "rank N: " at the start of the message or of one of its parts? */
static int has_rank(const char *message) {
  const char *part = message;
  while (part != NULL) {
    if (strncmp(part, "rank ", 5) == 0 && isdigit((unsigned char)part[5])) {
      const char *end = part + 5;
      while (isdigit((unsigned char)*end)) {
        end++;
      }
      if (end[0] == ':' && end[1] == ' ') {
        return 1;
      }
    }
    part = strstr(part, ": ");
    part = part != NULL ? part + 2 : NULL;
  }
  return 0;
}

/* The status and message of rank `root`, which has failed, become everyone's. */
static smr_status spread_failure(const smr_context *context, int root, smr_status status) {
  struct {
    int status;
    int world_rank;
    char message[MESSAGE_BYTES];
  } failure = {.status = (int)status, .world_rank = context->world_rank};
  snprintf(failure.message, sizeof failure.message, "%s", smr_error_message());
  if (context->size > 1) {
    MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, root, context->comm);
  }
  /* Said once: an inner context may have agreed already. */
  if (context->world_size > 1 && failure.message[0] != '\0' && !has_rank(failure.message)) {
    return smr_error_set((smr_status)failure.status, "rank %d: %s", failure.world_rank,
                         failure.message);
  }
  return smr_error_set((smr_status)failure.status, "%s", failure.message);
}

/* Orders failures: real errors before a stop before partial success, then by rank. */
static int64_t failure_key(smr_status status, int rank) {
  int64_t class = 0;
  if (status == SMR_OK) {
    return INT64_MAX;
  }
  if (status == SMR_STOPPED) {
    class = 1;
  } else if (status == SMR_PARTIAL) {
    class = 2;
  }
  return (class << 32) + rank;
}

smr_status smr_agree(const smr_context *context, smr_status status) {
  int64_t key = failure_key(status, context->rank);
  if (context->size > 1) {
    MPI_Allreduce(MPI_IN_PLACE, &key, 1, MPI_INT64_T, MPI_MIN, context->comm);
  }
  if (key == INT64_MAX) {
    return SMR_OK;
  }
  return spread_failure(context, (int)(key & INT32_MAX), status);
}

smr_status smr_agree_root(const smr_context *context, int root, smr_status status) {
  int code = (int)status;
  if (context->size > 1) {
    MPI_Bcast(&code, 1, MPI_INT, root, context->comm);
  }
  if (code == (int)SMR_OK) {
    return SMR_OK;
  }
  return spread_failure(context, root, status);
}

int smr_any(const smr_context *context, int flag) {
  int any = flag != 0;
  if (context->size > 1) {
    MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, context->comm);
  }
  return any;
}

void smr_broadcast(const smr_context *context, int root, void *data, size_t bytes) {
  const size_t piece_bytes = (size_t)1 << 29;
  char *position = data;
  if (context->size == 1) {
    return;
  }
  while (bytes > 0) {
    size_t piece = bytes < piece_bytes ? bytes : piece_bytes;
    MPI_Bcast(position, (int)piece, MPI_BYTE, root, context->comm);
    position += piece;
    bytes -= piece;
  }
}

void smr_broadcast_begin(const smr_context *context, int root, void *data, size_t bytes,
                         smr_broadcast_request *request) {
  request->request = MPI_REQUEST_NULL;
  if (context->size > 1) {
    MPI_Ibcast(data, (int)bytes, MPI_BYTE, root, context->comm, &request->request);
  }
}

void smr_broadcast_end(smr_broadcast_request *request) {
  MPI_Wait(&request->request, MPI_STATUS_IGNORE);
}

void smr_gather_all(const smr_context *context, int n, double *data) {
  if (context->size > 1) {
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, n, MPI_DOUBLE, context->comm);
  }
}

smr_status smr_broadcast_text(const smr_context *context, int root, char **text) {
  int is_root = context->rank == root;
  int64_t bytes = is_root && *text != NULL ? (int64_t)strlen(*text) + 1 : 0;
  smr_status status = SMR_OK;
  char *copy = NULL;
  smr_broadcast(context, root, &bytes, sizeof bytes);
  if (!is_root) {
    *text = NULL;
  }
  if (bytes == 0) {
    return SMR_OK;
  }
  if (!is_root) {
    status = smr_memory_alloc(bytes, 1, "a broadcast text", &copy);
  }
  status = smr_agree(context, status);
  if (status != SMR_OK) {
    smr_memory_free(copy);
    return status;
  }
  if (!is_root) {
    *text = copy;
  }
  smr_broadcast(context, root, *text, (size_t)bytes);
  return SMR_OK;
}

void smr_barrier(const smr_context *context) {
  MPI_Barrier(context->comm);
}

/* Is `name` already one of the words of `list`? */
static int has_word(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *word = list; word != NULL && *word != '\0';) {
    const char *end = strchr(word, ' ');
    size_t word_length = end != NULL ? (size_t)(end - word) : strlen(word);
    if (word_length == length && memcmp(word, name, length) == 0) {
      return 1;
    }
    word = end != NULL ? end + 1 : NULL;
  }
  return 0;
}

/* Names [n][MPI_MAX_PROCESSOR_NAME] -> "a b c" without repeats. Local. */
static smr_status join_names(const char *names, int n, char **out) {
  smr_text list = {0};
  smr_status status = SMR_OK;
  for (int i = 0; i < n && status == SMR_OK; i++) {
    const char *name = names + (size_t)i * MPI_MAX_PROCESSOR_NAME;
    if (!has_word(list.data, name)) {
      status = smr_text_add(&list, "%s%s", list.length > 0 ? " " : "", name);
    }
  }
  if (status == SMR_OK) {
    status = smr_memory_copy_string(list.data != NULL ? list.data : "", out);
  }
  smr_text_clear(&list);
  return status;
}

smr_status smr_context_list_hosts(const smr_context *context, char **hosts) {
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  char *names = NULL;
  smr_status status = SMR_OK;
  *hosts = NULL;
  MPI_Get_processor_name(name, &length);
  if (context->rank == 0) {
    status = smr_memory_alloc(context->size, sizeof name, "host names", &names);
  }
  status = smr_agree_root(context, 0, status);
  if (status != SMR_OK) {
    goto done;
  }
  MPI_Gather(name, (int)sizeof name, MPI_CHAR, names, (int)sizeof name, MPI_CHAR, 0, context->comm);
  if (context->rank == 0) {
    status = join_names(names, context->size, hosts);
  }
  status = smr_agree_root(context, 0, status);
  if (status == SMR_OK) {
    status = smr_broadcast_text(context, 0, hosts);
  }
done:
  if (status != SMR_OK && *hosts != NULL) {
    smr_memory_free(*hosts);
    *hosts = NULL;
  }
  smr_memory_free(names);
  return status;
}

const char *smr_context_library_version(void) {
  /* Filled alike by every call. The library's text goes on with its build, after a comma. */
  static char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(version, &length);
  version[strcspn(version, ",\n")] = '\0';
  return version;
}
