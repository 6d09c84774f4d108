/* simmer: start, one call, exit code. */
#include "simmer/app/app.h"

int main(int argc, char **argv) {
  return smr_app_run(argc, argv);
}
