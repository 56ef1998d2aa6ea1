#include "api/auth.h"

#include "core/host_name.h"

static bool is_listed(const struct settings_list *names, struct str host)
{
    for (size_t i = 0; i < names->count; i++)
        if (str_case_eqz(host, names->items[i]))
            return true;
    return false;
}

enum err auth_check_host(const struct http_request *r, const struct engine *e, struct errinfo *ei)
{
    struct str field = http_header(r, "Host");
    struct str host = host_name_of_field(field);

    /* Without Host (HTTP/1.0) it is no browser. */
    if (!e->loopback || !field.p || (host.p && host_name_is_own(host)) ||
        (host.p && is_listed(&e->conf->http_hosts, host)))
        return E_OK;
    return err_set(
        ei, E_MISDIRECTED,
        "this server does not go by the name \"%.*s\": use an address or localhost, or add "
        "the name to the setting http.hosts",
        (int)MIN(field.n, (size_t)100), field.p);
}

enum err auth_check(const struct http_request *r, enum auth_scope scope, struct str topic,
                    struct errinfo *ei)
{
    (void)r;
    (void)scope;
    (void)topic;
    (void)ei;
    return E_OK;
}

const char *auth_scope_name(enum auth_scope s)
{
    static const char *const names[] = {"none", "admin", "publish", "subscribe", "feed"};

    return names[s];
}
