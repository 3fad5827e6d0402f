/* SPDX-License-Identifier: MIT */
/*
 * The source: the URL checked once, when the client is opened, so that what is wrong with it is
 * told before anything goes over the network. libpq parses it; the TLS policy looks at what it
 * found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"
#include "postgres/url.h"

enum { IDENTIFIER_MAX = 63, LIBPQ_REQUIRE_AUTH = 160000 };

const tn_driver_option pg_options[] = {
    {.name = "schema", .help = "The schema that names without one mean (search_path)."},
    {.name = "prepare",
     .default_value = "auto",
     .choices = "auto|on|off",
     .help = "Named prepared statements; auto: not behind a pooler; on: also there, it keeps "
             "sessions."},
    {.name = "direct",
     .default_value = "on",
     .choices = "on|off",
     .help = "Prepared statements are run past libpq, which is faster; off: libpq does it all."},
    {.name = NULL},
};

/* ---- libpq's options ------------------------------------------------------------------------- */

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    return NULL;
}

static void free_options(PQconninfoOption **options)
{
    for (PQconninfoOption *o = *options; o && o->keyword; o++)
        if (o->val && strstr(o->keyword, "password"))
            tn__wipe(o->val, strlen(o->val));
    PQconninfoFree(*options);
}

static bool known_parameter(void *arg, tn_str name)
{
    /* A special word of its URLs: ssl=true. */
    if (tn_str_equal(name, TN__STR("ssl")))
        return true;
    for (const PQconninfoOption *o = arg; o && o->keyword; o++)
        if (tn_str_equal(name, kit_str(o->keyword)))
            return true;
    return false;
}

static tn_status fail_url(const tn_host *host, const char *url, tn_error *err)
{
    char why[256];
    PQconninfoOption *known = PQconndefaults();

    if (!known)
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    pg_url_diagnose(url, known_parameter, known, why, sizeof(why));
    free_options(&known);
    return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL, "DATABASE_URL: %s", why);
}

/* ---- checks that libpq makes only when it connects --------------------------------------------
 */

static bool is_port(tn_str text)
{
    int64_t port;

    return !text.len || (tn__parse_int64(text, &port) && port >= 1 && port <= 65535);
}

/* libpq ends the password at the first @, what is left of it would be looked up as a host, and
 * named. A socket's path may hold one, and the name of an abstract socket starts with one. */
static bool holds_password(tn_str host)
{
    return host.len > 1 && host.ptr[0] != '/' && memchr(host.ptr + 1, '@', host.len - 1);
}

static tn_status check_lists(const tn_driver_source *source, tn_error *err)
{
    size_t ports = pg_list_count(source->hosts.port);
    size_t names = pg_list_count(source->hosts.host);
    size_t addresses = pg_list_count(source->hosts.hostaddr);

    if (names && addresses && names != addresses)
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: %zu hosts, but %zu values of hostaddr", names, addresses);
    for (size_t i = 0; i < names; i++)
        if (holds_password(pg_list_item(source->hosts.host, i)))
            return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                            "DATABASE_URL: a host holds an @: within a password @ is written %%40");
    for (size_t i = 0; i < ports; i++)
        if (!is_port(pg_list_item(source->hosts.port, i)))
            return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                            "DATABASE_URL: the port is not a number from 1 to 65535 (within a "
                            "password / ? # : @ are written percent-encoded)");
    return TN_OK;
}

/* A host that cannot be there: the attempt ends at once, and its error names it. An error that does
 * not is about the parameters. */
#define NOWHERE "/nonexistent/tenon"

static char *nowhere_list(size_t count)
{
    tn__buf list;

    tn__buf_init(&list, TN__BUF_MAX);
    for (size_t i = 0; i < (count ? count : 1); i++)
        tn__buf_puts(&list, i ? "," NOWHERE : NOWHERE);
    return tn__buf_take(&list);
}

static tn_status check_parameters(const tn_driver_source *source, tn_error *err)
{
    TN__AUTO_STRING list = nowhere_list(source->hosts.count);
    const char *const keywords[] = {"dbname", "host", "hostaddr", "passfile", NULL};
    const char *const values[] = {source->url, list, list, NOWHERE, NULL};
    char text[256];

    if (!list)
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    if (!pg)
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    const char *said = PQerrorMessage(pg);
    bool fine = PQstatus(pg) != CONNECTION_BAD || strstr(said, NOWHERE);
    tn__copy_text(text, sizeof(text), tn__str(said, strcspn(said, "\n")));
    PQfinish(pg);
    if (fine)
        return TN_OK;
    if (strcmp(text, "out of memory") == 0)
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    pg_scrub(text, sizeof(text), source->password);
    return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL, "DATABASE_URL: %s", text);
}

/* ---- what the source keeps ------------------------------------------------------------------- */

static bool copy(char **ret, const char *text)
{
    if (!text)
        return true;
    *ret = strdup(text);
    return *ret != NULL;
}

static tn_status set_schema(tn_driver_source *source, tn_str schema, tn_error *err)
{
    if (!schema.ptr)
        return TN_OK;
    if (!schema.len || schema.len > IDENTIFIER_MAX || !tn__utf8_valid(schema.ptr, schema.len))
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: parameter schema must be a name of 1 to %d bytes",
                        IDENTIFIER_MAX);
    tn__buf quoted;
    tn__buf_init(&quoted, TN__BUF_MAX);
    tn__buf_putc(&quoted, '"');
    for (size_t i = 0; i < schema.len; i++) {
        if (schema.ptr[i] == '"')
            tn__buf_putc(&quoted, '"');
        tn__buf_putc(&quoted, schema.ptr[i]);
    }
    tn__buf_putc(&quoted, '"');
    source->search_path = tn__buf_take(&quoted);
    return source->search_path ? TN_OK : kit_nomem(source->host, err, TN_PHASE_CONFIG);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* libpq asks the environment, too, where the URL is silent. */
static tn_status set_hosts(tn_driver_source *source, const PQconninfoOption *options, tn_error *err)
{
    pg_hosts *hosts = &source->hosts;
    bool named = value_of(options, "host") || value_of(options, "hostaddr");

    bool copied = copy(&hosts->host, named ? value_of(options, "host") : environment("PGHOST")) &&
                  copy(&hosts->hostaddr,
                       named ? value_of(options, "hostaddr") : environment("PGHOSTADDR")) &&
                  copy(&hosts->port, value_of(options, "port") ? value_of(options, "port")
                                                               : environment("PGPORT"));
    if (!copied)
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    size_t names = pg_list_count(hosts->host), addresses = pg_list_count(hosts->hostaddr);
    hosts->count = names > addresses ? names : addresses;
    return TN_OK;
}

static void set_policy(tn_driver_source *source, const PQconninfoOption *options)
{
    const char *root = value_of(options, "sslrootcert");
    bool served = !source->hosts.count &&
                  (value_of(options, "service") || environment("PGSERVICE"));
    pg_tls_request request = {
        .host = source->hosts.host,
        .hostaddr = source->hosts.hostaddr,
        .sslmode = value_of(options, "sslmode"),
        .sslrootcert = root ? root : environment("PGSSLROOTCERT"),
        .environment = environment("PGSSLMODE"),
        .elsewhere = served,
    };

    source->served = served;
    source->sslmode = pg_tls_mode(&request);
    /* The environment may change; what was decided stays. */
    if (source->sslmode && source->sslmode == request.environment)
        source->sslmode = strcmp(request.environment, "verify-ca") == 0 ? "verify-ca"
                                                                        : "verify-full";
    const char *mode = request.sslmode ? request.sslmode : source->sslmode;
    bool verified = mode && strcmp(mode, "verify-full") == 0;
    bool local = !served && pg_hosts_local(request.host, request.hostaddr);
    source->refuse_password = !local && !verified && PQlibVersion() >= LIBPQ_REQUIRE_AUTH &&
                              !value_of(options, "require_auth") && !environment("PGREQUIREAUTH");
    source->gssencmode_off = !value_of(options, "gssencmode");
}

static tn_status check_encoding(const tn_driver_source *source, const PQconninfoOption *options,
                                tn_error *err)
{
    const char *encoding = value_of(options, "client_encoding");
    static const char *const fine[] = {"UTF8", "UTF-8", "unicode", "auto"};

    if (!encoding)
        return TN_OK;
    for (size_t i = 0; i < TN__COUNT_OF(fine); i++)
        if (tn__str_iequal(kit_str(encoding), kit_str(fine[i])))
            return TN_OK;
    return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                    "DATABASE_URL: parameter client_encoding must be UTF8, texts are UTF-8");
}

static void set_timeouts(tn_driver_source *source, const tn_source_config *config,
                         const PQconninfoOption *options)
{
    const char *wanted = value_of(options, "target_session_attrs");
    int64_t seconds;

    if (!wanted)
        wanted = environment("PGTARGETSESSIONATTRS");
    source->choosy = wanted && strcmp(wanted, "any") != 0;
    source->second_pass = wanted && strcmp(wanted, "prefer-standby") == 0;
    source->connect_timeout_ms = config->connect_timeout_ms;
    if (tn__parse_int64(kit_str(value_of(options, "connect_timeout")), &seconds) && seconds > 0)
        source->host_timeout_ms = (uint32_t)(seconds > 86400 ? 86400 : seconds) * 1000;
}

static tn_status fill(tn_driver_source *source, const tn_source_config *config, tn_error *err)
{
    TN__CLEANUP(free_options) PQconninfoOption *options = NULL;
    char *ignored = NULL;

    if (!copy(&source->url, config->url.ptr) ||
        (config->application_name.len && !copy(&source->application, config->application_name.ptr)))
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    if (!tn__str_starts(config->url, TN__STR("postgresql://")) &&
        !tn__str_starts(config->url, TN__STR("postgres://")))
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: must be of the form "
                        "postgresql://user:password@host:port/database");
    options = PQconninfoParse(source->url, &ignored);
    if (ignored)
        tn__wipe(ignored, strlen(ignored));
    PQfreemem(ignored);
    if (!options)
        return fail_url(source->host, source->url, err);
    tn_str prepare = kit_setting(config, "prepare");
    source->prepare = tn_str_equal(prepare, TN__STR("off"))  ? PG_PREPARE_OFF
                      : tn_str_equal(prepare, TN__STR("on")) ? PG_PREPARE_ON
                                                             : PG_PREPARE_AUTO;
    source->direct = !tn_str_equal(kit_setting(config, "direct"), TN__STR("off"));
    set_timeouts(source, config, options);
    if (!copy(&source->password, value_of(options, "password")))
        return kit_nomem(source->host, err, TN_PHASE_CONFIG);
    tn_status status = set_schema(source, kit_setting(config, "schema"), err);
    if (status == TN_OK)
        status = check_encoding(source, options, err);
    if (status == TN_OK)
        status = set_hosts(source, options, err);
    if (status == TN_OK)
        status = check_lists(source, err);
    if (status == TN_OK)
        status = check_parameters(source, err);
    if (status == TN_OK)
        set_policy(source, options);
    return status;
}

tn_status pg_source_open(const tn_host *host, const tn_source_config *config,
                         tn_driver_source **ret, tn_error *err)
{
    tn_driver_source *source = calloc(1, sizeof(*source));

    if (!source)
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    source->host = host;
    tn_status status = fill(source, config, err);
    if (status != TN_OK) {
        pg_source_close(source);
        return status;
    }
    *ret = source;
    return TN_OK;
}

/* Several hosts share the time there is, so it is not cut short. A password may be asked for in a
 * way that keeps libpq busy for as long as the server likes (SCRAM). */
bool pg_source_prompt(const tn_driver_source *source)
{
    const char *host = source->hosts.host;

    return !source->served && source->hosts.count <= 1 && !source->hosts.hostaddr &&
           (!host || !host[0] || host[0] == '/' || host[0] == '@') && !source->password &&
           !environment("PGPASSWORD");
}

static void free_secret(char *text)
{
    if (text)
        tn__wipe(text, strlen(text));
    free(text);
}

void pg_source_close(tn_driver_source *source)
{
    if (!source)
        return;
    free_secret(source->url);
    free_secret(source->password);
    free(source->search_path);
    free(source->application);
    free(source->hosts.host);
    free(source->hosts.hostaddr);
    free(source->hosts.port);
    free(source);
}
