/* Memory of null CUDA: blocks of the host's, copies, pools. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "device.h"

enum { ALIGNED = 256 };

/* Before each block of device memory. */
struct block {
    uint64_t bytes;
    int device; /* -1: of the host */
};

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
