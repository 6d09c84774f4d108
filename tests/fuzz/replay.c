/* Runs a target over files: the corpus as a test, and a crash that the fuzzer found. With --mutate
 * N each file is also run N times with bytes changed, cut off or doubled, for where there is no
 * fuzzer. Usage: replay TARGET [--mutate N] FILE... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simmer/base/random.h"
#include "targets.h"

enum { MOST_BYTES = 1 << 26 };

/* One change at a random place; sizes stay below `room`. */
static size_t mutate(uint8_t *data, size_t size, size_t room, const uint64_t r[4]) {
  size_t at = size > 0 ? r[0] % size : 0;
  switch (r[1] % 5) {
  case 0:
    return at;
  case 1: {
    size_t n = size - at < room - size ? size - at : room - size;
    memmove(data + at + n, data + at, size - at);
    return size + n;
  }
  case 2:
    data[at] = (uint8_t)(r[2] % 2 == 0 ? 0xff : 0);
    return size;
  case 3:
    data[at] ^= (uint8_t)(1u << (r[2] % 8));
    return size;
  default:
    data[at] = (uint8_t)r[2];
    return size;
  }
}

static void run_file(fuzz_target target, const char *path, long n_mutations) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = fopen(path, "rb");
  text = malloc(MOST_BYTES);
  if (file == NULL || text == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  size = fread(text, 1, MOST_BYTES, file);
  fclose(file);
  const size_t room = 2 * size + 16;
  uint8_t *data = malloc(room);
  target((const uint8_t *)text, size);
  const smr_random_key key = {size, smr_random_stream("fuzz", 0, 0)};
  for (long i = 0; i < n_mutations; ++i) {
    size_t length = size;
    memcpy(data, text, size);
    uint64_t r[4];
    smr_random_bits(key, (uint64_t)i, 0, 0, r);
    const uint64_t n_changes = 1 + r[3] % 4;
    for (uint64_t k = 1; k <= n_changes && length > 0; ++k) {
      smr_random_bits(key, (uint64_t)i, k, 0, r);
      length = mutate(data, length, room, r);
    }
    target(data, length);
  }
  free(data);
  free(text);
}

int main(int argc, char **argv) {
  int at = 2;
  long n_mutations = 0;
  if (argc > 4 && strcmp(argv[2], "--mutate") == 0) {
    n_mutations = atol(argv[3]);
    at = 4;
  }
  fuzz_target target = argc > at ? fuzz_find(argv[1]) : NULL;
  if (target == NULL) {
    fprintf(stderr, "usage: replay TARGET [--mutate N] FILE...\n");
    return 2;
  }
  for (int i = at; i < argc; ++i) {
    run_file(target, argv[i], n_mutations);
  }
  printf("%d files, %ld changed forms of each\n", argc - at, n_mutations);
  return 0;
}
