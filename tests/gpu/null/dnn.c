/*
 * libcudnn.so.9: descriptors of its graph interface, of which every one is good, and plans that are counted. The rest
 * succeeds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "null.h"

/* Kinds of attributes: cudnnBackendAttributeType_t. */
enum { TYPE_INT64 = 3, TYPE_DESCRIPTOR = 15 };
enum { HANDLE = 4096, NO_MEMORY = 2002 };

static int made(void **handle) {
    *handle = calloc(1, HANDLE);
    return *handle ? 0 : NO_MEMORY;
}

#define MADE(what) int cudnnCreate##what(void **handle) { return made(handle); }
int cudnnCreate(void **handle) { return made(handle); }
MADE(ActivationDescriptor)
MADE(ConvolutionDescriptor)
MADE(DropoutDescriptor)
MADE(FilterDescriptor)
MADE(LRNDescriptor)
MADE(PoolingDescriptor)
MADE(RNNDataDescriptor)
MADE(RNNDescriptor)
MADE(ReduceTensorDescriptor)
MADE(TensorDescriptor)

size_t cudnnGetVersion(void) { return 91400; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char *cudnnGetErrorString(int status) { return status ? "CUDNN_STATUS_INTERNAL_ERROR" : "CUDNN_STATUS_SUCCESS"; }
void cudnnGetLastErrorString(char *text, size_t size) {
    if (size) {
        text[0] = 0;
    }
}
int cudnnGetStream(void *handle, void **stream) {
    *stream = NULL;
    return 0;
}

int cudnnGetConvolutionForwardWorkspaceSize(void *handle, void *x, void *w, void *convolution, void *y, int algorithm,
                                            size_t *bytes) {
    *bytes = 0;
    return 0;
}

int cudnnConvolutionForward(void) { return null_cuda_start(NULL_CUDA_CONVOLUTION); }
int cudnnConvolutionBiasActivationForward(void) { return null_cuda_start(NULL_CUDA_CONVOLUTION); }

int cudnnBackendCreateDescriptor(int kind, void **descriptor) { return made(descriptor); }
int cudnnBackendDestroyDescriptor(void *descriptor) {
    free(descriptor);
    return 0;
}
int cudnnBackendFinalize(void *descriptor) { return 0; }
int cudnnBackendSetAttribute(void *descriptor, int name, int type, int64_t count, const void *values) { return 0; }

/* One value of each attribute, 0; the caller makes descriptors itself. */
int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t wanted, int64_t *count, void *values) {
    if (values && wanted > 0 && type != TYPE_DESCRIPTOR) {
        memset(values, 0, type <= 1 || type == TYPE_INT64 ? 8 : 4);
    }
    if (count) {
        *count = 1;
    }
    return 0;
}

int cudnnBackendExecute(void *handle, void *plan, void *values) { return null_cuda_start(NULL_CUDA_CONVOLUTION); }
