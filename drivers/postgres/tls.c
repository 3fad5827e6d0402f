/* SPDX-License-Identifier: MIT */
#include "postgres/tls.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

tn_str pg_list_item(const char *list, size_t i)
{
    tn_str rest = tn_str_from(list), item;

    while (tn__str_split(&rest, ',', &item))
        if (i-- == 0)
            return item;
    return TN__STR("");
}

size_t pg_list_count(const char *list)
{
    size_t count = 1;

    if (!list || !*list)
        return 0;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

bool pg_host_local(tn_str host)
{
    unsigned char address[16];
    char text[64];

    /* An empty one is the default socket; '@' is the abstract namespace. */
    if (!host.len || host.ptr[0] == '/' || host.ptr[0] == '@')
        return true;
    if (tn__str_iequal(host, TN__STR("localhost")) || tn__str_iequal(host, TN__STR("localhost.")))
        return true;
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, address) == 1)
        return address[0] == 127;
    if (inet_pton(AF_INET6, text, address) != 1)
        return false;
    static const unsigned char loopback[16] = {[15] = 1};
    static const unsigned char mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    return memcmp(address, loopback, sizeof(loopback)) == 0 ||
           memcmp(address, mapped, sizeof(mapped)) == 0;
}

bool pg_hosts_local(const char *host, const char *hostaddr)
{
    size_t hosts = pg_list_count(host), addresses = pg_list_count(hostaddr);
    size_t count = hosts > addresses ? hosts : addresses;

    for (size_t i = 0; i < count; i++) {
        tn_str address = pg_list_item(hostaddr, i);
        if (!pg_host_local(address.len ? address : pg_list_item(host, i)))
            return false;
    }
    return true;
}

static int strength(const char *mode)
{
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};

    for (size_t i = 0; mode && i < TN__COUNT_OF(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            return (int)i;
    return -1;
}

const char *pg_tls_mode(const pg_tls_request *request)
{
    const char *wanted = NULL;

    if (request->sslmode && *request->sslmode)
        return NULL;
    if (request->sslrootcert && *request->sslrootcert)
        wanted = "verify-full";
    else if (request->elsewhere || !pg_hosts_local(request->host, request->hostaddr))
        wanted = "require";
    /* The environment may ask for more than the policy does, not for less. */
    if (wanted && strength(request->environment) > strength(wanted))
        return request->environment;
    return wanted;
}
