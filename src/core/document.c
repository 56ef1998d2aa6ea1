#include "core/document.h"

#include "json/patch.h"

enum err document_assemble(const struct store_load *load, struct blob **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO_FREE struct str *patches = xcalloc(load->patch_count, sizeof *patches);

    if (load->patch_count == 0) {
        *ret = blob_ref(load->base);
        return E_OK;
    }
    for (size_t i = 0; i < load->patch_count; i++)
        patches[i] = blob_view(load->patches[i]);
    enum err err = jpatch_apply_texts(blob_view(load->base), patches, load->patch_count, &text, ei);
    if (err != E_OK)
        return err_prefix(ei, E_STORE_CORRUPT, "the parts of a document do not fit");
    *ret = blob_of_buf(&text);
    return E_OK;
}
