/* Signals set a flag; the run looks at it between units. */
#include "stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t received = 0;

static void on_signal(int number) {
  if (number == SIGINT && received != 0) {
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
  received = number;
}

void smr_stop_install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGINT, &action, NULL);
}

void smr_stop_ignore_limits(void) {
  signal(SIGXFSZ, SIG_IGN);
}

int smr_stop_get_signal(void) {
  return (int)received;
}
