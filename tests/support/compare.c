/* compare A B: exit 0 when two result files agree bit for bit in all datasets but measured times,
 * else 1 with the first difference. */
#include <stdio.h>

#include "simmer/store/results.h"

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: compare A.h5 B.h5\n");
    return 2;
  }
  smr_text difference = {0};
  int is_equal = 0;
  smr_status status = smr_results_compare(argv[1], argv[2], &is_equal, &difference);
  if (status != SMR_OK) {
    fprintf(stderr, "%s\n", smr_error_message());
    return 2;
  }
  if (!is_equal) {
    printf("%s\n", difference.data);
  }
  smr_text_clear(&difference);
  return is_equal ? 0 : 1;
}
