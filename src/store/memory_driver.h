/* An HDF5 file driver that writes into a file in memory and, to HDF5, never fails. Private to
 * store; local.
 *
 * After a failed write HDF5 1.10 can't close its file and crashes at exit (or in MPI_Finalize). So
 * this driver remembers a failure for us and goes on. Space that is never written takes no memory,
 * as HDF5's own driver for files in memory (core) would. */
#ifndef SIMMER_SRC_STORE_MEMORY_DRIVER_H
#define SIMMER_SRC_STORE_MEMORY_DRIVER_H

#include <hdf5.h>

#include "simmer/base/error.h"

/* Sets the driver in `access`. Everything goes to `fd` (of memfd_create), which stays the caller's.
 * *failure stays 0 or gets the errno of the first failure; it must live as long as the file.
 * *driver is unregistered by smr_memory_driver_close after the file is closed. */
smr_status smr_memory_driver_set(hid_t access, int fd, int *failure, hid_t *driver) SMR_NODISCARD;
void smr_memory_driver_close(hid_t driver);

#endif
