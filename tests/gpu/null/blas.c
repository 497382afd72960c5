/* libcublas.so.13 and libcublasLt.so.13: handles, and products that are counted. The rest succeeds. */
#include <stdlib.h>
#include <string.h>

#include "null.h"

enum { HANDLE = 64, HEURISTIC = 96, NO_MEMORY = 3 };

static int made(void **handle) {
    *handle = calloc(1, HANDLE);
    return *handle ? 0 : NO_MEMORY;
}

#ifdef LT
int cublasLtCreate(void **handle) { return made(handle); }
int cublasLtMatmulDescCreate(void **handle) { return made(handle); }
int cublasLtMatrixLayoutCreate(void **handle) { return made(handle); }
int cublasLtMatmulPreferenceCreate(void **handle) { return made(handle); }
int cublasLtMatrixTransformDescCreate(void **handle) { return made(handle); }
int cublasLtMatmul(void) { return null_cuda_start(NULL_CUDA_PRODUCT); }
int cublasLtMatmulAlgoGetHeuristic(void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int most,
                                   void *results, int *found) {
    memset(results, 0, HEURISTIC * (size_t)most);
    *found = 1;
    return 0;
}
#else
int cublasCreate_v2(void **handle) { return made(handle); }
int cublasDestroy_v2(void *handle) {
    free(handle);
    return 0;
}
int cublasGetMathMode(void *handle, int *mode) {
    *mode = 0;
    return 0;
}
const char *cublasGetStatusName(int status) { return status ? "CUBLAS_STATUS_INTERNAL_ERROR" : "CUBLAS_STATUS_SUCCESS"; }
const char *cublasGetStatusString(int status) { return cublasGetStatusName(status); }
#define PRODUCT(name) int name(void) { return null_cuda_start(NULL_CUDA_PRODUCT); }
PRODUCT(cublasSgemm_v2)
PRODUCT(cublasDgemm_v2)
PRODUCT(cublasSgemmBatched)
PRODUCT(cublasDgemmBatched)
PRODUCT(cublasSgemmStridedBatched)
PRODUCT(cublasDgemmStridedBatched)
PRODUCT(cublasGemmEx)
PRODUCT(cublasGemmBatchedEx)
PRODUCT(cublasGemmStridedBatchedEx)
#endif
