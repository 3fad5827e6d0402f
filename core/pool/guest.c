/* SPDX-License-Identifier: MIT */
/* Those who have connections of their own, beside the pool's, for as long as they like. */
#include "pool/guest.h"

void tn__guest_enter(tn__pool *pool, tn__guest *guest)
{
    guest->next = pool->guests;
    guest->prev = NULL;
    if (guest->next)
        guest->next->prev = guest;
    pool->guests = guest;
}

void tn__guest_leave(tn__pool *pool, tn__guest *guest)
{
    if (guest->next)
        guest->next->prev = guest->prev;
    *(guest->prev ? &guest->prev->next : &pool->guests) = guest->next;
}

void tn__guests_tell(tn__pool *pool)
{
    tn__conn *closing = NULL;

    for (tn__guest *guest = pool->guests; guest; guest = guest->next) {
        tn__conn *conn = guest->told(guest);
        if (!conn)
            continue;
        conn->next = closing;
        closing = conn;
    }
    tn__pool_changed(pool);
    while (closing) {
        tn__conn *conn = closing;
        closing = conn->next;
        tn__guest_close(pool, conn);
    }
}

void tn__guest_close(tn__pool *pool, tn__conn *conn)
{
    pthread_mutex_unlock(&pool->lock);
    tn__conn_close(conn);
    pthread_mutex_lock(&pool->lock);
    pool->visiting--;
    tn__pool_changed(pool);
}
