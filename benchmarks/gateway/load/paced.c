/* The open-loop load: requests leave at the times of a Poisson process, whether or not earlier ones
 * were answered, as those of independent clients do. A latency counts from the time at which the
 * request was due, so that a slow answer is not hidden by the requests it held up.
 *
 *   paced PORT REQUESTS_PER_SECOND SECONDS CONNECTIONS REQUEST_FILE
 *
 * REQUEST_FILE holds one whole HTTP/1.1 request, head and body. The first second is not counted.
 * Prints one line, RESULT and a JSON object, times in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define ANSWER_BYTES (64 * 1024)
#define WARM_UP_NS 1000000000LL
#define GRACE_NS 3000000000LL

typedef struct {
  int fd;
  long long due; /* of the request under way; 0 = idle */
  size_t length;
  char answer[ANSWER_BYTES + 1];
} connection;

/* A queue of numbers: idle connections, or the due times of requests that wait for one. */
typedef struct {
  long long *items;
  size_t head, length, capacity;
} queue;

static connection *connections;
static queue idle, waiting;
static char *request;
static size_t request_length, latency_count, latency_capacity, longest_wait;
static double *latencies;
static long long start, counted_from;
static long sent, answered, bad, errors;
static int port, epoll_fd;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void push(queue *q, long long item) {
  if (q->length == q->capacity) { perror("queue is full"); exit(1); }
  q->items[(q->head + q->length++) % q->capacity] = item;
}

static long long pop(queue *q) {
  long long item = q->items[q->head];
  q->head = (q->head + 1) % q->capacity;
  q->length--;
  return item;
}

static void make_queue(queue *q, size_t capacity) {
  q->capacity = capacity;
  q->items = calloc(capacity, sizeof *q->items);
}

static void connect_again(int number) {
  connection *c = &connections[number];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  if (c->fd > 0) close(c->fd);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (void *)&address, sizeof address)) { perror("connect"); exit(1); }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
  c->length = 0;
}

static void send_request(int number, long long due) {
  connection *c = &connections[number];
  c->due = due;
  sent++;
  if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) {
    connect_again(number); /* an idle connection may have been closed on us just now */
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) errors++;
  }
}

static int is_complete(const connection *c) {
  char *head_end = memmem(c->answer, c->length, "\r\n\r\n", 4);
  if (!head_end) return 0;
  size_t head = head_end + 4 - c->answer;
  char *field = strcasestr(c->answer, "\r\ncontent-length:");
  if (field && field < head_end) return c->length >= head + strtoul(field + 17, NULL, 10);
  return c->length >= head + 5 && !memcmp(c->answer + c->length - 5, "0\r\n\r\n", 5);
}

static void release(int number) {
  connection *c = &connections[number];
  c->due = 0;
  c->length = 0;
  if (waiting.length) send_request(number, pop(&waiting));
  else push(&idle, number);
}

static void finish(int number) {
  connection *c = &connections[number];
  answered++;
  if (strncmp(c->answer, "HTTP/1.1 200", 12)) bad++;
  if (c->due >= counted_from && latency_count < latency_capacity)
    latencies[latency_count++] = (now() - c->due) / 1e3;
  release(number);
}

static void take_bytes(int number) {
  connection *c = &connections[number];
  ssize_t n = recv(c->fd, c->answer + c->length, ANSWER_BYTES - c->length, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    connect_again(number);
    if (c->due) { errors++; release(number); }
    return;
  }
  c->length += n;
  c->answer[c->length] = 0;
  if (is_complete(c)) finish(number);
}

static int by_size(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static double percentile(double share) {
  if (!latency_count) return 0;
  return latencies[(size_t)fmin(latency_count - 1, share * latency_count)];
}

static void read_request(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) { perror(path); exit(1); }
  request = malloc(ANSWER_BYTES);
  request_length = fread(request, 1, ANSWER_BYTES, file);
  fclose(file);
}

int main(int count, char **arguments) {
  if (count != 6) {
    fputs("usage: paced PORT REQUESTS_PER_SECOND SECONDS CONNECTIONS REQUEST_FILE\n", stderr);
    return 2;
  }
  port = atoi(arguments[1]);
  double rate = atof(arguments[2]), seconds = atof(arguments[3]);
  int connection_count = atoi(arguments[4]);
  if (rate <= 0 || rate > 1e6 || seconds <= 0 || seconds > 600 || connection_count < 1 ||
      connection_count > MAX_CONNECTIONS)
    return 2;
  read_request(arguments[5]);
  prctl(PR_SET_TIMERSLACK, 1000);
  epoll_fd = epoll_create1(0);
  latency_capacity = rate * seconds * 2 + 1000;
  latencies = calloc(latency_capacity, sizeof *latencies);
  connections = calloc(connection_count, sizeof *connections);
  make_queue(&idle, connection_count);
  make_queue(&waiting, latency_capacity);
  for (int i = 0; i < connection_count; i++) { connect_again(i); push(&idle, i); }

  srand48(1);
  start = now();
  counted_from = start + WARM_UP_NS;
  long long end = start + (long long)(seconds * 1e9) + WARM_UP_NS, due = start;
  struct epoll_event ready[256];
  for (;;) {
    long long t = now();
    for (; due < end && due <= t; due += (long long)(-log(1 - drand48()) / rate * 1e9)) {
      if (idle.length) send_request(pop(&idle), due);
      else push(&waiting, due);
    }
    if (waiting.length > longest_wait) longest_wait = waiting.length;
    if (due >= end && (answered + errors >= sent || t > end + GRACE_NS)) break;
    long long sleep = (due < end ? due : end + GRACE_NS) - now();
    if (sleep < 0) sleep = 0;
    struct timespec timeout = {sleep / 1000000000LL, sleep % 1000000000LL};
    int n = epoll_pwait2(epoll_fd, ready, 256, &timeout, NULL);
    for (int i = 0; i < n; i++) take_bytes(ready[i].data.u32);
  }
  qsort(latencies, latency_count, sizeof *latencies, by_size);
  printf("RESULT {\"requests\":%ld,\"duration_us\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"errors\":%ld,\"bad\":%ld,"
         "\"longest_wait\":%zu}\n",
         answered, (end - start) / 1e3, percentile(0.5), percentile(0.99), sent - answered + (long)waiting.length,
         bad, longest_wait);
  return 0;
}
