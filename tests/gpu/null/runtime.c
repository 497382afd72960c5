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

#include "cuda_runtime_api.h"
#include "null.h"

enum { ALIGNED = 256 };

struct device {
    struct null_cuda_counts counts;
    uint64_t until; /* busy until this moment; 0 before the first work */
};

/* A stream or an event. */
struct handle {
    int device;
    uint64_t until;
};

/* Before each block of device memory. */
struct block {
    uint64_t bytes;
    int device; /* -1: of the host */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct device devices[NULL_CUDA_DEVICES];
static uint64_t kernel_ns, memory = 24ull << 30;
/* Of the thread, as in CUDA: the global mode of a capture forbids other threads only what is unsafe. */
static __thread int current, capturing;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void lock(void) { pthread_mutex_lock(&mutex); }
static void unlock(void) { pthread_mutex_unlock(&mutex); }

static void count(uint64_t *counter, uint64_t by) {
    lock();
    *counter += by;
    unlock();
}

/* Starts work of a length; the mutex is held. */
static void work(struct device *device, uint64_t ns) {
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

static cudaError_t wait_until(uint64_t until) {
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

static uint64_t busy_until(int device) {
    lock();
    uint64_t until = devices[device].until;
    unlock();
    return until;
}

/* Devices. */

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

/* Memory. */

static cudaError_t allocate(void **memory_of, size_t bytes, int device) {
    char *base = NULL;
    if (device >= 0) {
        if (capturing) {
            return cudaErrorStreamCaptureUnsupported;
        }
        struct null_cuda_counts *counts = &devices[device].counts;
        lock();
        if (bytes > memory || counts->in_use > memory - bytes) {
            unlock();
            return cudaErrorMemoryAllocation;
        }
        counts->allocations++;
        counts->in_use += bytes;
        counts->most = counts->most < counts->in_use ? counts->in_use : counts->most;
        unlock();
    }
    /* Zeros, so that what no kernel wrote is a number. */
    if (posix_memalign((void **)&base, ALIGNED, bytes + ALIGNED)) {
        return cudaErrorMemoryAllocation;
    }
    memset(base, 0, bytes + ALIGNED);
    *(struct block *)base = (struct block){bytes, device};
    *memory_of = base + ALIGNED;
    return cudaSuccess;
}

static cudaError_t release(void *pointer) {
    if (pointer) {
        struct block *block = (struct block *)((char *)pointer - ALIGNED);
        if (block->device >= 0) {
            count(&devices[block->device].counts.in_use, -block->bytes);
        }
        free(block);
    }
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **pointer, size_t bytes) { return allocate(pointer, bytes, current); }
cudaError_t cudaMallocFromPoolAsync(void **pointer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
    return allocate(pointer, bytes, current);
}
cudaError_t cudaMallocHost(void **pointer, size_t bytes) { return allocate(pointer, bytes, -1); }
cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned flags) { return allocate(pointer, bytes, -1); }
cudaError_t cudaFree(void *pointer) { return release(pointer); }
cudaError_t cudaFreeAsync(void *pointer, cudaStream_t stream) { return release(pointer); }
cudaError_t cudaFreeHost(void *pointer) { return release(pointer); }

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total) {
    lock();
    uint64_t in_use = devices[current].counts.in_use;
    *total = memory;
    *unused = in_use < memory ? memory - in_use : 0;
    unlock();
    return cudaSuccess;
}

static void copy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    struct null_cuda_counts *counts = &devices[current].counts;
    lock();
    switch (kind) {
    case cudaMemcpyHostToDevice:
        counts->uploads++;
        counts->uploaded += bytes;
        counts->captured_uploads += (uint64_t)capturing;
        break;
    case cudaMemcpyDeviceToHost:
        counts->downloads++;
        counts->downloaded += bytes;
        break;
    case cudaMemcpyDeviceToDevice: counts->moves++; break;
    default: break;
    }
    unlock();
    memmove(to, from, bytes);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    cudaError_t error = wait_until(busy_until(current));
    if (!error) {
        copy(to, from, bytes, kind);
    }
    return error;
}

/* A copy to the host sees the work before it: it waits, as a copy into memory that is not pinned does. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    if (kind == cudaMemcpyDeviceToHost) {
        return cudaMemcpy(to, from, bytes, kind);
    }
    copy(to, from, bytes, kind);
    return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                              enum cudaMemcpyKind kind, cudaStream_t stream) {
    for (size_t row = 0; row < height; row++) {
        memmove((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
    }
    count(&devices[current].counts.moves, 1);
    return cudaSuccess;
}

cudaError_t cudaMemcpyFromSymbol(void *to, const void *symbol, size_t bytes, size_t offset, enum cudaMemcpyKind kind) {
    memset(to, 0, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemset(void *pointer, int value, size_t bytes) {
    memset(pointer, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *pointer, int value, size_t bytes, cudaStream_t stream) {
    return cudaMemset(pointer, value, bytes);
}

static void *handle(void) {
    struct handle *made = calloc(1, sizeof *made);
    if (made) {
        made->device = current;
    }
    return made;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const struct cudaMemPoolProps *about) {
    *pool = handle();
    return *pool ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
    free(pool);
    return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value) {
    memset(value, 0, sizeof(uint64_t));
    return cudaSuccess;
}

/* Streams, events and captures. */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    *stream = handle();
    return *stream ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    free(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    int device = stream ? ((struct handle *)stream)->device : current;
    return wait_until(busy_until(device));
}

cudaError_t cudaDeviceSynchronize(void) { return wait_until(busy_until(current)); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    *event = handle();
    return *event ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    free(event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    ((struct handle *)event)->until = busy_until(current);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) { return wait_until(((struct handle *)event)->until); }

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    *ms = (float)(((struct handle *)to)->until - ((struct handle *)from)->until) / 1e6f;
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    count(&devices[current].counts.captures, 1);
    capturing = 1;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    capturing = 0;
    *graph = handle();
    return *graph ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    *status = capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *runnable, cudaGraph_t graph, unsigned long long flags) {
    *runnable = handle();
    return *runnable ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    free(graph);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runnable) {
    free(runnable);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t runnable, cudaStream_t stream) {
    lock();
    devices[current].counts.replays++;
    work(&devices[current], kernel_ns);
    unlock();
    return cudaSuccess;
}

/* Kernels. */

cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) {
    return null_cuda_start(NULL_CUDA_KERNEL);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *kernel, void **arguments) {
    return null_cuda_start(NULL_CUDA_KERNEL);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments, size_t shared,
                               cudaStream_t stream) {
    return null_cuda_start(NULL_CUDA_KERNEL);
}

/* Compiled code passes the shape of a launch through these two. */
static __thread struct {
    dim3 grid, block;
    size_t shared;
    void *stream;
} pushed;

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream) {
    pushed.grid = grid;
    pushed.block = block;
    pushed.shared = shared;
    pushed.stream = stream;
    return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream) {
    *grid = pushed.grid;
    *block = pushed.block;
    *shared = pushed.shared;
    *(void **)stream = pushed.stream;
    return cudaSuccess;
}

void **__cudaRegisterFatBinary(void *binary) {
    static void *registered;
    return &registered;
}

cudaError_t cudaLibraryLoadData(cudaLibrary_t *library, const void *code, enum cudaJitOption *options, void **values,
                                unsigned count_of, enum cudaLibraryOption *library_options, void **library_values,
                                unsigned library_count) {
    *library = handle();
    return *library ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library, const char *name) {
    *kernel = (cudaKernel_t)library;
    return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *function) {
    *kernel = (cudaKernel_t)function;
    return cudaSuccess;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned version, unsigned long long flags,
                                             enum cudaDriverEntryPointQueryResult *result) {
    *function = NULL;
    if (result) {
        *result = cudaDriverEntryPointSymbolNotFound;
    }
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *about, const void *function) {
    memset(about, 0, sizeof *about);
    about->maxThreadsPerBlock = 1024;
    about->numRegs = 32;
    about->binaryVersion = about->ptxVersion = 89;
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *function, int size, size_t shared,
                                                                   unsigned flags) {
    *blocks = 2;
    return cudaSuccess;
}

/* Errors, in CUDA's words where messages of ONNX Runtime carry them. */

const char *cudaGetErrorName(cudaError_t error) {
    switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    default: return "cudaErrorUnknown";
    }
}

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    default: return "unknown error";
    }
}
