/* The program: one call from main. */
#ifndef SIMMER_APP_APP_H
#define SIMMER_APP_APP_H

/* Runs the command line and returns the exit code: 0 done, 1 failed, 2 bad usage or job file, 3
 * done but some units failed, 75 stopped in time with everything saved. Starts MPI only for `run`
 * and `bench`. */
int smr_app_run(int argc, char **argv);

#endif
