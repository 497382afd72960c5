/*
 * libcudart.so.13 without a GPU: memory is the host's, copies are copied, kernels are counted and take a time that a test
 * sets. Work is asynchronous: a device has a moment until which it is busy, and waiting for it sleeps until then.
 *
 * Calls that a capture forbids fail as in CUDA. NULL_CUDA_SM names another architecture than 89.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
struct device devices[NULL_CUDA_DEVICES];
uint64_t kernel_ns, memory = 24ull << 30;
__thread int current, capturing;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void lock(void) { pthread_mutex_lock(&mutex); }
void unlock(void) { pthread_mutex_unlock(&mutex); }

void count(uint64_t *counter, uint64_t by) {
    lock();
    *counter += by;
    unlock();
}

void work(struct device *device, uint64_t ns) {
    uint64_t at = now();
    if (device->until < at) {
        device->counts.idle_ns += device->until ? at - device->until : 0;
        device->until = at;
    }
    device->until += ns;
    device->counts.busy_ns += ns;
}

int null_cuda_start(enum null_cuda_work what) {
    struct device *device = &devices[current];
    lock();
    switch (what) {
    case NULL_CUDA_KERNEL: device->counts.kernels++; break;
    case NULL_CUDA_PRODUCT: device->counts.products++; break;
    case NULL_CUDA_CONVOLUTION: device->counts.convolutions++; break;
    }
    if (!capturing) {
        work(device, kernel_ns);
    }
    unlock();
    return 0;
}

void null_cuda_read(int device, struct null_cuda_counts *counts) {
    lock();
    *counts = devices[device].counts;
    unlock();
}

void null_cuda_reset(void) {
    lock();
    for (int i = 0; i < NULL_CUDA_DEVICES; i++) {
        struct null_cuda_counts *counts = &devices[i].counts;
        uint64_t in_use = counts->in_use;
        memset(counts, 0, sizeof *counts);
        counts->in_use = counts->most = in_use;
        devices[i].until = 0;
    }
    unlock();
}

void null_cuda_kernel_time(uint64_t ns) {
    lock();
    kernel_ns = ns;
    unlock();
}

void null_cuda_memory(uint64_t bytes) {
    lock();
    memory = bytes;
    unlock();
}

cudaError_t wait_until(uint64_t until) {
    if (capturing) {
        return cudaErrorStreamCaptureUnsupported;
    }
    count(&devices[current].counts.waits, 1);
    struct timespec time = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
    if (until > now()) {
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    }
    return cudaSuccess;
}

uint64_t busy_until(int device) {
    lock();
    uint64_t until = devices[device].until;
    unlock();
    return until;
}

void *handle(void) {
    struct handle *made = calloc(1, sizeof *made);
    if (made) {
        made->device = current;
    }
    return made;
}

cudaError_t cudaGetDeviceCount(int *number) {
    *number = NULL_CUDA_DEVICES;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
    *device = current;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    if (device < 0 || device >= NULL_CUDA_DEVICES) {
        return cudaErrorInvalidDevice;
    }
    current = device;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *about, int device) {
    if (device < 0 || device >= NULL_CUDA_DEVICES) {
        return cudaErrorInvalidDevice;
    }
    const char *text = getenv("NULL_CUDA_SM");
    int sm = text ? atoi(text) : 89;
    memset(about, 0, sizeof *about);
    strcpy(about->name, "null CUDA");
    about->major = sm / 10;
    about->minor = sm % 10;
    about->totalGlobalMem = memory;
    about->totalConstMem = 65536;
    about->sharedMemPerBlock = 49152;
    about->sharedMemPerBlockOptin = 101376;
    about->sharedMemPerMultiprocessor = 102400;
    about->regsPerBlock = 65536;
    about->warpSize = 32;
    about->maxThreadsPerBlock = 1024;
    about->maxThreadsDim[0] = about->maxThreadsDim[1] = 1024;
    about->maxThreadsDim[2] = 64;
    about->maxGridSize[0] = 2147483647;
    about->maxGridSize[1] = about->maxGridSize[2] = 65535;
    about->multiProcessorCount = 128;
    about->maxThreadsPerMultiProcessor = 1536;
    about->l2CacheSize = 72 << 20;
    about->canMapHostMemory = about->concurrentKernels = about->unifiedAddressing = 1;
    about->memoryPoolsSupported = 1;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    struct cudaDeviceProp about;
    cudaError_t error = cudaGetDeviceProperties(&about, device);
    if (error) {
        return error;
    }
    switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = about.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = about.minor; break;
    case cudaDevAttrMultiProcessorCount: *value = about.multiProcessorCount; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = about.maxThreadsPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)about.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)about.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = (int)about.sharedMemPerMultiprocessor; break;
    case cudaDevAttrWarpSize: *value = about.warpSize; break;
    default: *value = 1; break;
    }
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}
