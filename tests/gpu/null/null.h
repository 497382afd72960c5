/* What null CUDA counts. The libraries take every call of ONNX Runtime's CUDA provider and compute nothing. */
#ifndef NULL_CUDA_H
#define NULL_CUDA_H

#include <stdint.h>

enum { NULL_CUDA_DEVICES = 2 };

struct null_cuda_counts {
    uint64_t kernels;          /* launched one by one */
    uint64_t products;         /* matrix products of cuBLAS */
    uint64_t convolutions;     /* plans that cuDNN executed */
    uint64_t uploads, uploaded; /* copies to the device, and their bytes */
    uint64_t downloads, downloaded;
    uint64_t moves;            /* copies within the device */
    uint64_t waits;            /* of the host for the device */
    uint64_t allocations;
    uint64_t in_use, most;     /* bytes of device memory */
    uint64_t captures, replays;
    uint64_t captured_uploads; /* a replay would read the host's memory again */
    uint64_t busy_ns, idle_ns; /* time that the device computed, and waited for the host between its first and last work */
};

/* Work that a library started on the current device. */
enum null_cuda_work { NULL_CUDA_KERNEL, NULL_CUDA_PRODUCT, NULL_CUDA_CONVOLUTION };
int null_cuda_start(enum null_cuda_work what);

/* Counts of a device since the last reset; memory counts from the start of the process. */
void null_cuda_read(int device, struct null_cuda_counts *counts);
void null_cuda_reset(void);
/* Time that each kernel, product and convolution takes from now on; 0 at first. */
void null_cuda_kernel_time(uint64_t ns);
/* Memory of each device from now on; 24 GiB at first. */
void null_cuda_memory(uint64_t bytes);

#endif
