/* Asking a run to stop: SIGTERM, SIGUSR1, SIGINT and the time limit. Local. */
#ifndef SIMMER_APP_STOP_H
#define SIMMER_APP_STOP_H

/* Installs the handlers; a second SIGINT ends the process at once. */
void smr_stop_install(void);
/* A file-size limit that is reached is an error of write(2) from now on, not a death. */
void smr_stop_ignore_limits(void);
/* The signal that asked to stop, 0 if none. */
int smr_stop_get_signal(void);

#endif
