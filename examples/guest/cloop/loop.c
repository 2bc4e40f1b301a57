#include "loop.h"

#include <pthread.h>
#include <stdlib.h>

#include "_cgo_export.h"

struct event {
	int id;
	struct event *next;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static struct event *first, *last;

void loop_post(int id) {
	struct event *e = malloc(sizeof *e);
	e->id = id;
	e->next = NULL;
	pthread_mutex_lock(&mu);
	if (first == NULL)
		first = e;
	else
		last->next = e;
	last = e;
	pthread_cond_signal(&some);
	pthread_mutex_unlock(&mu);
}

static int next(void) {
	pthread_mutex_lock(&mu);
	while (first == NULL)
		pthread_cond_wait(&some, &mu);
	struct event *e = first;
	first = e->next;
	pthread_mutex_unlock(&mu);
	int id = e->id;
	free(e);
	return id;
}

void loop_run(void) {
	for (int id = next(); id != 0; id = next())
		goCall(id);
}
