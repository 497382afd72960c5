/* images.c: pictures in the caller's memory, in every layout. */
#include <math.h>

#include "check.h"

enum { WIDTH = 3, HEIGHT = 2 };

static const uint8_t PIXELS[HEIGHT * WIDTH * 3] = {0,   1,   2,   10,  11,  12,  20,  21,  22,
                                                   100, 101, 102, 110, 111, 112, 253, 254, 255};

static wst_value *picture(uint32_t rank, const int64_t *shape, wst_dtype dtype, const void *data)
{
    wst_tensor tensor;
    wst_value *value = NULL;
    tensor.dtype = dtype;
    tensor.rank = rank;
    tensor.shape = shape;
    tensor.data = data;
    CHECK(good(wst_value_tensor(&tensor, &value)));
    return value;
}

static wst_image image(wst_format format, void *data, ptrdiff_t row_bytes)
{
    wst_image image = WST_IMAGE_INIT;
    image.data = data;
    image.row_bytes = row_bytes;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.format = format;
    return image;
}

/* Row by row with gaps, and bottom-up; what lies in the gaps stays. */
static void bytes(const wst_value *value)
{
    uint8_t memory[64];
    wst_image into = image(WST_RGBA8, memory, 16);
    int y, x, c;

    memset(memory, 77, sizeof memory);
    CHECK(good(wst_value_copy(value, &into)));
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++) {
            for (c = 0; c < 3; c++)
                CHECK(memory[16 * y + 4 * x + c] == PIXELS[(WIDTH * y + x) * 3 + c]);
            CHECK(memory[16 * y + 4 * x + 3] == 255);
        }
    CHECK(memory[12] == 77 && memory[15] == 77 && memory[28] == 77 && memory[32] == 77);

    into.reserved = 1;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "reserved"));
    into = image(WST_BGRA8, memory + 16, -16);
    CHECK(good(wst_value_copy(value, &into)));
    CHECK(memory[16] == 2 && memory[17] == 1 && memory[18] == 0 && memory[0] == 102 && memory[2] == 100);

    memset(memory, 77, sizeof memory);
    into = image(WST_RGB8, memory + 1, 0);
    CHECK(good(wst_value_copy(value, &into)));
    CHECK(memcmp(memory + 1, PIXELS, sizeof PIXELS) == 0 && memory[0] == 77 && memory[1 + sizeof PIXELS] == 77);
}

static void floats(const wst_value *value)
{
    static const int64_t shape[3] = {1, 2, 3};
    static const float colours[6] = {0.5f, -1.0f, 2.0f, 0.0f, 1.0f, 0.25f};
    float memory[HEIGHT * WIDTH * 4];
    uint16_t halves[HEIGHT * WIDTH * 4];
    uint8_t rounded[6];
    wst_image into = image(WST_RGBA32F, memory, 0);
    wst_value *other;

    CHECK(good(wst_value_copy(value, &into)));
    CHECK(memory[0] == 0 && memory[1] == 1 / 255.0f && memory[3] == 1 && memory[4 * 5 + 2] == 1);
    into.flags = WST_IMAGE_LINEAR;
    CHECK(good(wst_value_copy(value, &into)));
    CHECK(fabs(memory[4 * 3] - 0.127438) < 1e-5 && memory[3] == 1 && memory[4 * 5 + 2] == 1);
    into = image(WST_RGBA16F, halves, 0);
    CHECK(good(wst_value_copy(value, &into)));
    CHECK(halves[0] == 0 && halves[3] == 0x3c00 && halves[4 * 5 + 2] == 0x3c00);

    /* A picture of floats comes as it is, and is cut off where bytes are wanted. */
    other = picture(3, shape, WST_F32, colours);
    into = image(WST_RGB32F, memory, 0);
    into.width = 2;
    into.height = 1;
    CHECK(good(wst_value_copy(other, &into)) && memcmp(memory, colours, sizeof colours) == 0);
    into.format = WST_RGB8;
    into.data = rounded;
    CHECK(good(wst_value_copy(other, &into)));
    CHECK(rounded[0] == 128 && rounded[1] == 0 && rounded[2] == 255 && rounded[4] == 255 && rounded[5] == 64);
    wst_value_free(other);
}

static void there_and_back(void)
{
    uint8_t memory[64];
    float linear[HEIGHT * WIDTH * 3];
    wst_format format;
    wst_value *value = NULL;
    wst_image from, into;
    wst_tensor tensor;
    uint8_t plain[sizeof PIXELS];

    for (format = WST_RGB8; format <= WST_BGRA8; format++) {
        static const int64_t shape[3] = {HEIGHT, WIDTH, 3};
        wst_value *first = picture(3, shape, WST_U8, PIXELS);
        into = image(format, memory + 40, -20);
        CHECK(good(wst_value_copy(first, &into)));
        CHECK(good(wst_value_image(&into, &value)));
        CHECK(good(wst_value_as_tensor(value, &tensor)) && tensor.dtype == WST_U8 && tensor.shape[1] == WIDTH);
        CHECK(memcmp(tensor.data, PIXELS, sizeof PIXELS) == 0);
        CHECK(good(wst_value_read(value, WST_U8, plain, sizeof plain)) && memcmp(plain, PIXELS, sizeof plain) == 0);
        wst_value_free(first);
        /* Through linear light, and back to the same bytes. */
        from = image(WST_RGB32F, linear, 0);
        from.flags = WST_IMAGE_LINEAR;
        CHECK(good(wst_value_copy(value, &from)));
        wst_value_free(value);
        CHECK(good(wst_value_image(&from, &value)));
        CHECK(good(wst_value_as_tensor(value, &tensor)) && tensor.dtype == WST_F32);
        into = image(WST_RGB8, plain, 0);
        CHECK(good(wst_value_copy(value, &into)) && memcmp(plain, PIXELS, sizeof plain) == 0);
        wst_value_free(value);
    }
}

static void refused(const wst_value *value)
{
    uint8_t memory[64];
    float numbers[18];
    wst_image into = image(WST_RGB8, memory, 0);
    wst_value *number = wst_value_int(1), *made = NULL;

    CHECK(fails(wst_value_copy(number, &into), WST_INVALID, "a tensor"));
    into.width = 4;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "4 \xc3\x97 2, but the picture is 3 \xc3\x97 2"));
    into = image(WST_RGB8, memory, 8);
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "row_bytes are 8, but a row needs 9"));
    into = image(7, memory, 0);
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "format 7"));
    into = image(WST_RGB8, memory, 0);
    into.flags = WST_IMAGE_LINEAR;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "LINEAR"));
    into.flags = 2;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "flags"));
    into.flags = 0;
    into.index = 1;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "index is 1"));
    CHECK(fails(wst_value_image(&into, &made), WST_INVALID, "index"));
    into = image(WST_RGB8, NULL, 0);
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "data is NULL"));
    into.struct_size = 4;
    CHECK(fails(wst_value_copy(value, &into), WST_INVALID, "_INIT"));
    into = image(WST_RGBA32F, numbers, 0);
    into.width = into.height = 0xffffffff;
    into.data = numbers;
    CHECK(fails(wst_value_image(&into, &made), WST_INVALID, "memory") && !made);
    CHECK(fails(wst_value_read(value, WST_F32, numbers, sizeof numbers), WST_INVALID, "wants f32, got u8"));
    CHECK(fails(wst_value_read(value, WST_U8, numbers, 17), WST_INVALID, "are 17, but the tensor has 18"));
    CHECK(fails(wst_value_read(value, WST_U8, NULL, 18), WST_INVALID, "data"));
    CHECK(fails(wst_value_read(value, 5, numbers, 18), WST_INVALID, "dtype"));
    CHECK(fails(wst_value_read(number, WST_U8, numbers, 18), WST_INVALID, "a tensor"));
    wst_value_free(number);
}

static void batch(void)
{
    static const int64_t shape[4] = {2, 1, 3, 3};
    uint8_t memory[9];
    wst_value *value = picture(4, shape, WST_U8, PIXELS);
    wst_image into = image(WST_RGB8, memory, 0);
    into.height = 1;
    into.index = 1;
    CHECK(good(wst_value_copy(value, &into)) && memcmp(memory, PIXELS + 9, 9) == 0);
    wst_value_free(value);
}

static void halves(void)
{
    static const int64_t two = 2;
    static const uint16_t half[2] = {0x3800, 0xc000};
    uint16_t same[2];
    unsigned char odd[9];
    float wide[2];
    wst_value *value = picture(1, &two, WST_F16, half);
    CHECK(good(wst_value_read(value, WST_F16, same, sizeof same)) && memcmp(same, half, sizeof half) == 0);
    CHECK(good(wst_value_read(value, WST_F32, odd + 1, 8)));
    memcpy(wide, odd + 1, sizeof wide);
    CHECK(wide[0] == 0.5f && wide[1] == -2.0f);
    wst_value_free(value);
}

int main(void)
{
    static const int64_t shape[3] = {HEIGHT, WIDTH, 3};
    wst_value *value = picture(3, shape, WST_U8, PIXELS);
    bytes(value);
    floats(value);
    there_and_back();
    refused(value);
    batch();
    halves();
    wst_value_free(value);
    return wrong;
}
