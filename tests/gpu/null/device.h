/* State of null CUDA's devices that its calls share. Hidden: the names are common, and the library is loaded next to others. */
#ifndef NULL_CUDA_DEVICE_H
#define NULL_CUDA_DEVICE_H

#include "cuda_runtime_api.h"
#include "null.h"

#pragma GCC visibility push(hidden)

struct device {
    struct null_cuda_counts counts;
    uint64_t until; /* busy until this moment; 0 before the first work */
};

/* A stream or an event. */
struct handle {
    int device;
    uint64_t until;
};

extern struct device devices[NULL_CUDA_DEVICES];
extern uint64_t kernel_ns, memory;
/* Of the thread, as in CUDA: the global mode of a capture forbids other threads only what is unsafe. */
extern __thread int current, capturing;

void lock(void);
void unlock(void);
void count(uint64_t *counter, uint64_t by);
/* Starts work of a length; the mutex is held. */
void work(struct device *device, uint64_t ns);
uint64_t busy_until(int device);
cudaError_t wait_until(uint64_t until);
/* A new handle of the current device; NULL without memory. */
void *handle(void);

#pragma GCC visibility pop

#endif
