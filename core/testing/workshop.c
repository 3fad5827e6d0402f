/* SPDX-License-Identifier: MIT */
#include "testing/workshop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that is ready, or the name of one that is to be dropped. */
typedef struct item {
    tn__copy copy;
    struct item *next;
} item;

struct tn__workshop {
    tn_template *t;
    tn__make_fn *make;
    tn__drop_fn *drop;

    pthread_mutex_t lock;
    pthread_cond_t work;
    item *ready;
    unsigned n_ready;
    item *old;
    pthread_t thread;
    bool runs;
    bool failed; /* to make one: whoever wants one is told why */
    bool stop;
};

tn__workshop *tn__workshop_open(tn_template *t, tn__make_fn *make, tn__drop_fn *drop)
{
    tn__workshop *shop = calloc(1, sizeof(*shop));

    if (!shop)
        return NULL;
    shop->t = t;
    shop->make = make;
    shop->drop = drop;
    pthread_mutex_init(&shop->lock, NULL);
    pthread_cond_init(&shop->work, NULL);
    return shop;
}

/* The lock is held, and given up meanwhile. */
static void drop_one(tn__workshop *shop)
{
    item *old = shop->old;

    shop->old = old->next;
    pthread_mutex_unlock(&shop->lock);
    /* One that cannot be dropped now is found by the next run. */
    (void)shop->drop(shop->t, old->copy.name, &(tn_error)TN_ERROR_INIT);
    free(old);
    pthread_mutex_lock(&shop->lock);
}

static void make_one(tn__workshop *shop)
{
    item *made = calloc(1, sizeof(*made));
    tn_error why = TN_ERROR_INIT;

    pthread_mutex_unlock(&shop->lock);
    bool fine = made && shop->make(shop->t, &made->copy, &why) == TN_OK;
    pthread_mutex_lock(&shop->lock);
    if (!fine) {
        free(made);
        shop->failed = true;
        return;
    }
    made->next = shop->ready;
    shop->ready = made;
    shop->n_ready++;
}

/* What is wanted next comes first. */
static void *work(void *arg)
{
    tn__workshop *shop = arg;

    pthread_mutex_lock(&shop->lock);
    while (!shop->stop) {
        if (shop->n_ready < shop->t->options.ahead && !shop->failed)
            make_one(shop);
        else if (shop->old)
            drop_one(shop);
        else
            pthread_cond_wait(&shop->work, &shop->lock);
    }
    pthread_mutex_unlock(&shop->lock);
    return NULL;
}

/* With the first copy: who only rolls back needs no others. Signals are the program's. */
static void start(tn__workshop *shop)
{
    sigset_t all, before;

    if (shop->runs || !shop->t->options.ahead)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    shop->runs = pthread_create(&shop->thread, NULL, work, shop) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

tn_status tn__workshop_take(tn__workshop *shop, tn__copy *ret, tn_error *err)
{
    pthread_mutex_lock(&shop->lock);
    item *ready = shop->ready;
    if (ready) {
        shop->ready = ready->next;
        shop->n_ready--;
    }
    start(shop);
    pthread_cond_signal(&shop->work);
    pthread_mutex_unlock(&shop->lock);
    if (!ready)
        return shop->make(shop->t, ret, err);
    *ret = ready->copy;
    free(ready);
    return TN_OK;
}

void tn__workshop_give(tn__workshop *shop, const char *name)
{
    item *old = calloc(1, sizeof(*old));

    pthread_mutex_lock(&shop->lock);
    if (old && shop->runs) {
        snprintf(old->copy.name, sizeof(old->copy.name), "%s", name);
        old->next = shop->old;
        shop->old = old;
        pthread_cond_signal(&shop->work);
        pthread_mutex_unlock(&shop->lock);
        return;
    }
    pthread_mutex_unlock(&shop->lock);
    free(old);
    (void)shop->drop(shop->t, name, &(tn_error)TN_ERROR_INIT);
}

void tn__workshop_close(tn__workshop *shop)
{
    if (!shop)
        return;
    pthread_mutex_lock(&shop->lock);
    shop->stop = true;
    pthread_cond_signal(&shop->work);
    pthread_mutex_unlock(&shop->lock);
    if (shop->runs)
        pthread_join(shop->thread, NULL);
    pthread_mutex_lock(&shop->lock);
    while (shop->ready) {
        item *ready = shop->ready;
        shop->ready = ready->next;
        (void)tn_db_close(ready->copy.db, NULL);
        ready->next = shop->old;
        shop->old = ready;
    }
    while (shop->old)
        drop_one(shop);
    pthread_mutex_unlock(&shop->lock);
    pthread_cond_destroy(&shop->work);
    pthread_mutex_destroy(&shop->lock);
    free(shop);
}
